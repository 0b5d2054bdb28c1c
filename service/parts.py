"""The long-lived parts of one running service, made once and handed to every request."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from subprocess import Popen

from service.admission import Admission
from service.atlas import Atlas
from service.calls import Calls
from service.cpu import Compute, count_cpus
from service.ledger import Ledger
from service.map_launch import launch
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
    map_pool: MapPool
    maps: Atlas
    timekeeper: Timekeeper = field(default_factory=Timekeeper)
    calls: Calls = field(default_factory=Calls)

    @classmethod
    def of(cls, settings: Settings, ledger: Ledger, launched: Sequence["Popen[bytes]"] = ()) -> "Parts":
        """Make the parts of one worker; threads and processes start later, when there is an event loop.

        `launched` are map processes that were started before, since they take long to be warm.
        """
        telemetry = Telemetry(ledger)
        compute = Compute.share(count_cpus(), settings.workers, settings.torch_threads)
        workers = Workers(settings.codec_threads, compute.torch_threads)
        map_pool = MapPool(
            partial(launch, compute.cpus), settings.map_processes, settings.max_waiting_maps, launched, ledger
        )
        return cls(
            settings,
            compute,
            telemetry,
            Admission(settings.max_queue_images, settings.max_buffered_bytes, ledger),
            workers,
            Registry(settings, workers, telemetry),
            map_pool,
            Atlas(map_pool, settings.max_cached_map_bytes, telemetry.count_map),
        )
