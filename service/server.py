"""uvicorn, as this service runs it: its options, its log, and one worker in this process."""

import copy
import logging
from typing import Any

import uvicorn

from service.map_launch import launch_all
from service.settings import Settings

GRACE_S = 30
"""What requests in flight are given to end when the service stops."""
_KEEP_ALIVE_S = 75


def serve_alone(settings: Settings) -> None:
    """Serve from this process until a signal ends it."""
    launched = launch_all(settings.map_processes)
    from service.app import create_app  # noqa: PLC0415  (torch takes seconds, and memory that a supervisor does without)

    uvicorn.run(create_app(settings, launched=launched), **options(settings))


def options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told, however many workers there are; it can be pickled."""
    return {
        "http": "service.protocol:ExpressProtocol",  # by its name: what it imports is not for a supervisor
        "ws": "none",
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "log_level": settings.log_level,
        "access_log": settings.access_log,
        "log_config": _log_config(settings.log_level),
        "server_header": False,
        "timeout_keep_alive": _KEEP_ALIVE_S,
        "timeout_graceful_shutdown": GRACE_S,
    }


class NoProbes(logging.Filter):
    """Keeps lines of probes that were answered well out of the access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is of anything else."""
        _, _, path, _, status = record.args if isinstance(record.args, tuple) else (None,) * 5
        return not (str(path).startswith("/health/") and status == 200)


def _log_config(level: str) -> dict[str, Any]:
    """uvicorn's logging, with the service's own messages beside it, and without a line for every health probe."""
    config: dict[str, Any] = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    config["loggers"]["hourglass"] = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    config["filters"] = {"no_probes": {"()": f"{__name__}.{NoProbes.__name__}"}}
    config["handlers"]["access"]["filters"] = ["no_probes"]
    return config
