"""What the service counts of itself, for Prometheus: the one home of prometheus_client.

One worker counts in memory. Several count in files of a folder that they share, one set for each row of the ledger: a
worker that takes another's place goes on counting where that one ended, so nothing falls. Whoever is scraped adds up.
"""

import os
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from service.ledger import Ledger

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Telemetry:
    """The metrics of one application; each application has its own, so that tests do not share them."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, ledger: Ledger | None = None) -> None:
        ledger = ledger or Ledger()
        counted = self._scraped = CollectorRegistry()
        if ledger.folder is not None:
            _count_in_files(ledger.folder, ledger.row)
            self._scraped = CollectorRegistry()
            MultiProcessCollector(self._scraped, str(ledger.folder))  # type: ignore[no-untyped-call]
        self.requests = Counter(
            "hourglass_requests_total", "Requests answered.", ("method", "route", "status"), registry=counted
        )
        self.seconds = _Seconds(
            "hourglass_request_seconds",
            "Time from a request's head to its answer.",
            ("route",),
            registry=counted,
            buckets=_SECONDS,
        )
        self.images = Counter(
            "hourglass_images_total", "Images and latents admitted.", ("model", "operation"), registry=counted
        )
        self.maps = Counter("hourglass_maps_total", "Maps that requests got.", ("origin",), registry=counted)
        self.bundles_refused = Counter(
            "hourglass_bundles_refused_total", "Bundles that failed their checks.", ("model",), registry=counted
        )
        # What to call for given labels is kept, since finding it takes longer than calling it.
        self._of_requests = cache(lambda method, route, status: (
            self.requests.labels(method, route, status).inc, self.seconds.labels(route).observe_all
        ))  # fmt: skip
        self._of_images = cache(lambda model, operation: self.images.labels(model, operation).inc)
        self.model_versions: dict[str, int] = {}
        """The version that each model serves."""
        self._scraped.register(_Gauges(ledger, self.model_versions))
        self._scraped.register(ProcessCollector(registry=None) if ledger.folder is None else _Processes(ledger))
        PlatformCollector(registry=self._scraped)

    def count_requests(self, method: str, route: str, status: int, seconds: Sequence[float]) -> None:
        """Count answers that are alike, and the time that each of them took."""
        count, observe_all = self._of_requests(method, route, status)
        count(len(seconds))
        observe_all(seconds)

    def count_images(self, model: str, operation: str, count: int) -> None:
        """Count images or latents that requests bring, once there is room for them, whatever becomes of them then."""
        self._of_images(model, operation)(count)

    def count_map(self, origin: str) -> None:
        """Count one map that a request gets: computed or drawn for it, shared with another's, or kept from before."""
        self.maps.labels(origin).inc()

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._scraped)


class _Seconds(Histogram):
    """A histogram that counts many numbers in little more than the time of one."""

    def observe_all(self, amounts: Sequence[float]) -> None:
        """As `observe` of each of them, by the inner parts that it uses: prometheus_client has no other way."""
        self._sum.inc(sum(amounts))
        for bucket, count in Tally(bisect_left(self._upper_bounds, amount) for amount in amounts).items():
            self._buckets[bucket].inc(count)


class _Gauges(Collector):
    """What is held at the moment of asking: by all workers, but for the versions, which are this worker's."""

    def __init__(self, ledger: Ledger, model_versions: dict[str, int]) -> None:
        self._ledger, self._model_versions = ledger, model_versions

    def collect(self) -> Iterator[Metric]:
        ledger = self._ledger
        yield _gauge("hourglass_queue_images", "Images admitted and not yet answered.", ledger.images.total)
        yield _gauge("hourglass_buffered_bytes", "Bytes of bodies and answers held.", ledger.bytes.total)
        yield _gauge("hourglass_maps_running", "Maps being computed.", ledger.maps_running.total)
        yield _gauge("hourglass_maps_waiting", "Maps waiting for a process.", ledger.maps_waiting.total)
        versions = GaugeMetricFamily("hourglass_model_version", "The version that is served.", labels=("model",))
        for name, version in sorted(self._model_versions.items()):
            versions.add_metric((name,), version)
        yield versions


class _Processes(Collector):
    """`process_*` of each worker under a label of its own: a sum would fall whenever a worker is replaced."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for row, pid in self._ledger.pids.items():
            for of_one in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                family = Metric(of_one.name, of_one.documentation, of_one.type)
                for sample in of_one.samples:
                    labels = {**sample.labels, "worker": str(row)}
                    families.setdefault(of_one.name, family).add_sample(sample.name, labels, sample.value)
        yield from families.values()


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value)


def _count_in_files(folder: Path, row: int) -> None:
    """Let what this process counts from now on be counted in files of its row.

    The files are those of a row, not of a process, as prometheus_client would have it: workers that are replaced leave
    no files behind, and one that gets the number of a process before it does not mix with that.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # where prometheus_client looks, and nowhere else
    values.ValueClass = values.MultiProcessValue(lambda: row)  # type: ignore[no-untyped-call]
