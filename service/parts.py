"""The long-lived parts of one running service, made once and handed to every request."""

from dataclasses import dataclass, field

from service.admission import Admission
from service.calls import Calls
from service.map_pool import MapPool
from service.registry import Registry
from service.settings import Settings
from service.telemetry import Telemetry
from service.timekeeper import Timekeeper
from service.workers import Workers


@dataclass(frozen=True)
class Parts:
    """What `create_app` builds; nothing of it is a module's global."""

    settings: Settings
    telemetry: Telemetry
    admission: Admission
    workers: Workers
    registry: Registry
    maps: MapPool
    timekeeper: Timekeeper = field(default_factory=Timekeeper)
    calls: Calls = field(default_factory=Calls)

    @classmethod
    def of(cls, settings: Settings) -> "Parts":
        """Make the parts; threads and processes start later, when there is an event loop."""
        telemetry = Telemetry()
        workers = Workers(settings.codec_threads)
        admission = Admission(settings.max_queue_images, settings.max_buffered_bytes)
        maps = MapPool(settings.map_processes, settings.max_waiting_maps)
        telemetry.queue.set_function(lambda: admission.images)
        telemetry.bytes.set_function(lambda: admission.bytes)
        telemetry.maps_running.set_function(lambda: maps.running)
        telemetry.maps_waiting.set_function(lambda: maps.waiting)
        return cls(settings, telemetry, admission, workers, Registry(settings, workers, telemetry), maps)
