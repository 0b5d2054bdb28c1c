"""The long-lived parts of one running service, made once and handed to every request."""

from dataclasses import dataclass, field

from service.admission import Admission
from service.calls import Calls
from service.cpu import Compute, count_cpus
from service.ledger import Ledger
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
    compute: Compute
    telemetry: Telemetry
    admission: Admission
    workers: Workers
    registry: Registry
    maps: MapPool
    timekeeper: Timekeeper = field(default_factory=Timekeeper)
    calls: Calls = field(default_factory=Calls)

    @classmethod
    def of(cls, settings: Settings, ledger: Ledger) -> "Parts":
        """Make the parts of one worker; threads and processes start later, when there is an event loop."""
        telemetry = Telemetry(ledger)
        compute = Compute.share(count_cpus(), settings.workers, settings.torch_threads)
        workers = Workers(settings.codec_threads, compute.torch_threads)
        return cls(
            settings,
            compute,
            telemetry,
            Admission(settings.max_queue_images, settings.max_buffered_bytes, ledger),
            workers,
            Registry(settings, workers, telemetry),
            MapPool(settings.map_processes, settings.max_waiting_maps, ledger=ledger),
        )
