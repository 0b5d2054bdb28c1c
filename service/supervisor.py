"""Several workers at one port: started, replaced when they die, told to look for models, and ended together.

The supervisor takes the port and computes nothing; it never imports torch. Each worker listens at the port by a socket
of its own, so that the kernel spreads connections evenly: at a socket that they share, a worker that wakes first
takes all that wait. What workers share is a temporary folder: the ledger, and the files in which they count.
"""

import copy
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from service.ledger import Ledger
from service.map_launch import launch_all
from service.server import GRACE_S, options
from service.settings import Settings

if TYPE_CHECKING:
    from service.app import Hourglass

_SILENT_LOOKS = 120
"""Half seconds after which a worker that says nothing hangs; loading torch on a busy machine can silence it for many.

Looks are counted, and not what a clock says: that goes on while all processes of a machine are stopped together.
"""
_END_S = GRACE_S + 8.0
"""When a worker that was told to end is killed: after it has dropped its requests, before an engine kills it all."""
_log = logging.getLogger("hourglass.supervisor")


def serve_together(settings: Settings) -> int:
    """Serve from several processes until a signal ends them. Returns the exit status."""
    config = Config("", **options(settings))
    try:
        taken = bind(settings.host, settings.port)  # never listened at, and kept, so that nobody else takes the port
    except OSError as error:
        _log.error("%s", error)
        return STARTUP_FAILURE
    with taken, TemporaryDirectory(prefix="hourglass-") as folder:
        supervisor = Supervisor(settings, Path(folder), config, taken.getsockname()[1])
        supervisor.run()
    return STARTUP_FAILURE if supervisor.has_failed else 0


def bind(host: str, port: int, *, is_one_of_many: bool = False) -> socket.socket:
    """A socket at an address, which other services cannot listen at.

    Raises:
        OSError: It cannot be bound, as where somebody else listens.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_one_of_many and sys.platform == "linux":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


@dataclass(frozen=True)
class Application:
    """Makes the application in its worker, to which this travels as a pickle."""

    settings: Settings
    folder: Path
    row: int

    def __call__(self) -> "Hourglass":
        """Make it; what it loads first is torch, while its map processes load what they need."""
        _end_with_parent()
        launched = launch_all(self.settings.map_processes)
        from service.app import create_app  # noqa: PLC0415  (what the supervisor does without)

        return create_app(self.settings, Ledger.open(self.folder, self.settings.workers, self.row), launched)


class Worker(Process):
    """A worker as its supervisor sees it."""

    def __init__(self, config: Config, port: int) -> None:
        super().__init__(config, [])
        self._port = port
        self._is_asked, self._unanswered = False, 0
        self.is_listening = False

    def target(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  (uvicorn's; there are none)
        """Serve; this runs in the worker."""
        _ = self.server  # made now: else the thread that answers the supervisor makes another, which never starts
        super().target([bind(self.config.host, self._port, is_one_of_many=True)])

    def start(self) -> None:
        """Start it with SIGHUP blocked: one that comes before the worker listens waits, and does not end it."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def is_well(self) -> bool:
        """Whether it runs, and has answered one of the last looks; waits for no answer, so that signals need not."""
        if not self.process.is_alive():
            return False
        with suppress(OSError, EOFError):
            if self.parent_conn.poll():
                self.is_listening = self.parent_conn.recv()
                self._is_asked, self._unanswered = False, 0
            if not self._is_asked:
                self.parent_conn.send(b"ping")
                self._is_asked = True
        self._unanswered += 1
        return self._unanswered < _SILENT_LOOKS


class Supervisor(Multiprocess):
    """uvicorn's supervisor of processes, each of which has a row of the ledger here."""

    def __init__(self, settings: Settings, folder: Path, config: Config, port: int) -> None:
        super().__init__(config, [])
        self._settings, self._folder, self._port = settings, folder, port
        self._is_running = False
        self._ledger = Ledger(settings.workers, folder=folder)
        self.processes: list[Worker] = []  # type: ignore[assignment]
        self.has_failed = False
        """Whether the service ended because a worker could not start."""

    def init_processes(self) -> None:
        """Start a worker for every row."""
        self.processes = [self._start(row) for row in range(self._settings.workers)]

    def keep_subprocess_alive(self) -> None:
        """Replace whoever died or hangs."""
        for row, worker in enumerate(self.processes):
            if not self.should_exit.is_set() and not worker.is_well():
                self._replace(row, worker)
        if not self._is_running and any(worker.is_listening for worker in self.processes):
            self._is_running = True
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            _log.info("Service running on http://%s:%d (Press CTRL+C to quit)", host, self._port)

    def join_all(self) -> None:
        """Wait for their ends, and kill whoever takes too long."""
        end_s = time.monotonic() + _END_S
        for worker in self.processes:
            worker.process.join(max(0.0, end_s - time.monotonic()))
            if worker.exitcode is None:
                _log.error("Worker %s does not end; it is killed.", worker.pid)
                worker.kill()
                worker.join()

    def handle_hup(self) -> None:
        """Have every worker look for new models."""
        for worker in self.processes:
            if worker.pid is not None and worker.exitcode is None:
                os.kill(worker.pid, signal.SIGHUP)

    def handle_ttin(self) -> None:
        """Leave the number of workers as it is: it is that of the ledger's rows."""

    def handle_ttou(self) -> None:
        """Leave the number of workers as it is."""

    def _start(self, row: int) -> Worker:
        config = copy.copy(self.config)
        config.app, config.factory = Application(self._settings, self._folder, row), True
        worker = Worker(config, self._port)
        worker.start()
        return worker

    def _replace(self, row: int, worker: Worker) -> None:
        worker.kill()
        worker.process.join()
        self._ledger.forget(row)
        if worker.exitcode == STARTUP_FAILURE:
            _log.error("Worker %s cannot start, and neither could another; the service ends.", worker.pid)
            self.has_failed = True
            self.should_exit.set()
        else:
            _log.error("Worker %s died (%s); another takes its place.", worker.pid, worker.exitcode)
            self.processes[row] = self._start(row)


def _end_with_parent() -> None:
    """End this process, as SIGTERM does, when its parent is gone: else it would hold the port for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="watch of the supervisor", daemon=True).start()
