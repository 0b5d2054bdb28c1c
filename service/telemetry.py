"""What the service counts of itself, for Prometheus: the one home of prometheus_client."""

from typing import Any, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_Metric = TypeVar("_Metric", Counter, Histogram)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Telemetry:
    """The metrics of one application; each application has its own, so that tests do not share them."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._children: dict[tuple[Any, tuple[str, ...]], Any] = {}
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self.requests = Counter(
            "hourglass_requests_total", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "hourglass_request_seconds", "Time to answer.", ("route",), registry=self._registry, buckets=_SECONDS
        )
        self.images = Counter(
            "hourglass_images_total", "Images and latents computed.", ("model", "operation"), registry=self._registry
        )
        self.queue = Gauge("hourglass_queue_images", "Images admitted and not yet answered.", registry=self._registry)
        self.bytes = Gauge("hourglass_buffered_bytes", "Bytes of request bodies held.", registry=self._registry)
        self.maps_running = Gauge("hourglass_maps_running", "Maps being computed.", registry=self._registry)
        self.maps_waiting = Gauge("hourglass_maps_waiting", "Maps waiting for a process.", registry=self._registry)
        self.model_version = Gauge(
            "hourglass_model_version", "The version that is served.", ("model",), registry=self._registry
        )
        self.bundles_refused = Counter(
            "hourglass_bundles_refused_total", "Bundles that failed their checks.", ("model",), registry=self._registry
        )

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer and the time that it took."""
        self._child(self.requests, method, route, str(status)).inc()
        self._child(self.seconds, route).observe(seconds)

    def count_images(self, model: str, operation: str, count: int) -> None:
        """Count images or latents that one request brings."""
        self._child(self.images, model, operation).inc(count)

    def _child(self, metric: _Metric, *labels: str) -> _Metric:
        """A metric with its labels, kept, since looking it up takes longer than counting."""
        key = (metric, labels)
        if key not in self._children:
            self._children[key] = metric.labels(*labels)
        child: _Metric = self._children[key]
        return child

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
