"""The long-lived parts of one running service, made once and handed to every request."""

from dataclasses import dataclass

from service.admission import Admission
from service.cpu import Compute, count_cpus
from service.ledger import Ledger
from service.map_pool import MapPool
from service.registry import Registry
from service.settings import Settings
from service.telemetry import Telemetry
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

    @classmethod
    def of(cls, settings: Settings, ledger: Ledger) -> "Parts":
        """Make the parts of one worker; threads and processes start later, when there is an event loop."""
        telemetry = Telemetry(ledger)
        workers = Workers(settings.max_batch_size, settings.codec_threads)
        return cls(
            settings,
            Compute.share(count_cpus(), settings.workers, settings.torch_threads),
            telemetry,
            Admission(settings.max_queue_images, settings.max_buffered_bytes, ledger),
            workers,
            Registry(settings, workers, telemetry),
            MapPool(settings.map_processes, settings.max_waiting_maps, ledger=ledger),
        )
