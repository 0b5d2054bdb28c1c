"""Our own service, started as an operator does, with its processes told apart."""

import http.client
import os
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.environment import OWN_PYTHON
from benchmarks.serving.peer import Launch, Variant
from benchmarks.serving.peers.hourglass import PEER
from benchmarks.serving.processes import tree
from benchmarks.serving.protocol import Request
from benchmarks.serving.server import START_TIMEOUT_S, Server, ServerFailed, free_port

_LOOK_S = 0.02
_ASKS_A_WORKER = 8
"""Connections that must find a ready worker, where there are several: the kernel chooses which one each meets."""
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class OwnServer(Server):
    """`python -m service` on a free port, its access log off, with a number of workers."""

    def __init__(self, models_dir: Path, model: Path, folder: Path, workers: int) -> None:
        """Start it; `folder` must not be there yet, and gets its log."""
        self.workers = workers
        self._began = time.monotonic()
        self._asks = 1 if workers == 1 else _ASKS_A_WORKER * workers
        settings: Mapping[str, str] = {"HOURGLASS_WORKERS": str(workers)}
        launch = Launch(OWN_PYTHON, free_port(), models_dir, model, folder / "no-answer", folder)
        super().__init__(PEER, Variant(f"{workers} workers" if workers > 1 else "1 worker", settings), launch)

    @classmethod
    def warm_up(cls, models_dir: Path, model: Path, folder: Path, workers: int) -> None:
        """Start one and stop it once it is ready, so that the next start finds its files in the page cache."""
        server = cls(models_dir, model, folder, workers)
        try:
            server.wait()
        finally:
            server.stop()

    @property
    def is_running(self) -> bool:
        """Whether its first process lives."""
        return self._process.poll() is None

    def wait(self) -> float:
        """Wait until it is ready; seconds since it was started.

        Raises:
            ServerFailed: It ended, or was not ready in time.
        """
        while time.monotonic() - self._began < START_TIMEOUT_S:
            if not self.is_running:
                raise ServerFailed(f"ended with status {self._process.returncode} while starting")
            if all(self._is_ready() for _ in range(self._asks)):
                took_s = time.monotonic() - self._began
                self._members = tree(self._process.pid)
                return took_s
            time.sleep(_LOOK_S)
        raise ServerFailed(f"not ready after {START_TIMEOUT_S} s")

    def wait_until_ready(self, request: Request) -> None:
        """Wait until every worker is ready, and a request is answered.

        Raises:
            ServerFailed: It ended, or was not ready in time.
        """
        self.wait()
        super().wait_until_ready(request)

    def worker_pids(self) -> list[int]:
        """The processes that answer requests; not their supervisor, and none that computes maps."""
        root = self._process.pid
        if self.workers == 1:
            return [root]
        return [pid for pid in tree(root) if parent(pid) == root and "spawn_main" in command(pid)]

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def rss_mb(pid: int) -> float:
    """The resident memory of one process, in MB; 0 once it has ended."""
    fields = _read(pid, "statm").split()
    return int(fields[1]) * _PAGE_MB if fields else 0.0


def parent(pid: int) -> int:
    """A process's parent; 0 once it has ended."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def command(pid: int) -> str:
    """A process's command line."""
    return _read(pid, "cmdline").replace("\0", " ")


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
