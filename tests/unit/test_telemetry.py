"""Counting many at once gives what counting each gives."""

import math

from prometheus_client import CollectorRegistry, Histogram

from service.telemetry import _SECONDS, Telemetry


def test_times_that_are_counted_together_fall_where_each_would() -> None:
    seconds = [0.0, 0.0005, 0.001, 0.0011, 0.3, 0.3, 120.0, 1e6, *_SECONDS, *(math.nextafter(s, 0) for s in _SECONDS)]
    telemetry, registry = Telemetry(), CollectorRegistry()
    telemetry.count_requests("POST", "/encode", 200, seconds)
    each = Histogram("hourglass_request_seconds", "Time.", ("route",), registry=registry, buckets=_SECONDS)
    for one in seconds:
        each.labels("/encode").observe(one)
    [expected] = registry.collect()
    [found] = telemetry.seconds.collect()
    for sample, right in zip(found.samples, expected.samples, strict=True):
        if not sample.name.endswith("_created"):
            assert (sample.name, sample.labels) == (right.name, right.labels)
            assert math.isclose(sample.value, right.value, rel_tol=1e-12), sample
