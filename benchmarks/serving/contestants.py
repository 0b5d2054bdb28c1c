"""Who takes part: servers under load, and the model called with no server around it."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.environment import OWN_PYTHON, ROOT
from benchmarks.serving.answers import CHECKED, RightAnswers, check
from benchmarks.serving.pictures import Picture
from benchmarks.serving.results import Figures
from benchmarks.serving.server import Server
from benchmarks.serving.workloads import BATCH, Task, Workload
from benchmarks.serving.wrk import run_wrk, write_requests

FLOOR, IN_PROCESS = "constant", "in-process"


class Contestant(Protocol):
    """Anything that can be measured for some seconds."""

    name: str

    def takes_part(self, workload: Workload) -> bool:
        """Whether it knows this kind of request."""

    def measure(self, workload: Workload, seconds: int) -> Figures:
        """Its figures from a load of so many seconds."""

    def stop(self) -> None:
        """End it."""


class Served:
    """A server, halted except while it is measured."""

    def __init__(self, server: Server, pictures: Sequence[Picture], folder: Path) -> None:
        self.name, self._server, self._pictures, self._folder = server.name, server, pictures, folder

    def takes_part(self, workload: Workload) -> bool:
        """Whether the server's protocol has such a request."""
        return workload.task in self._server.calls

    def check(self, right: RightAnswers) -> None:
        """Wait until the server is ready, compare answers of every kind, and halt it; or stop it if that fails."""
        first, *_ = self._server.calls
        is_right = False
        try:
            self._server.wait_until_ready(self._server.call(first).request(_groups(first, self._pictures)[0]))
            if self._server.peer.name != FLOOR:
                for task in self._server.calls:
                    check(self._server, task, _groups(task, self._pictures)[:CHECKED], right)
            self._server.halt()
            is_right = True
        finally:
            if not is_right:
                self._server.stop()

    def measure(self, workload: Workload, seconds: int) -> Figures:
        """Load the server from its workload's connections with all pictures in turn."""
        requests = self._requests(workload.task)
        self._server.resume()
        try:
            before = self._server.usage()
            load = run_wrk(requests, self._server.port, workload.connections, seconds)
            after = self._server.usage()
            self._server.settle()
        finally:
            self._server.halt()
        cpu_us = (after.cpu_s - before.cpu_s) / load.requests * 1e6
        return Figures(
            load.requests / load.seconds, load.p50_ms, load.p90_ms, load.p99_ms, load.max_ms,
            cpu_us, after.rss_mb, after.peak_rss_mb,
        )  # fmt: skip

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()

    def _requests(self, task: Task) -> Path:
        path = self._folder / f"{task.name}.requests"
        if not path.exists():
            call = self._server.call(task)
            write_requests([call.request(group) for group in _groups(task, self._pictures)], path)
        return path


class InProcess:
    """The model called by a loop in a process of its own, on as many threads as the service gives it."""

    name = IN_PROCESS

    def __init__(self, model: Path, data_root: Path, threads: int) -> None:
        self._command = [str(OWN_PYTHON), "-m", "benchmarks.serving.in_process", "--model", str(model)]
        self._command += ["--data-root", str(data_root), "--threads", str(threads), "--seconds"]

    def takes_part(self, workload: Workload) -> bool:
        """It is what the fastest way to send batches is compared with."""
        return workload.task is Task.NPY_BATCH

    def measure(self, workload: Workload, seconds: int) -> Figures:  # noqa: ARG002  (always the same call)
        """Run the loop."""
        command = [*self._command, str(seconds)]
        output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return Figures(**json.loads(output))

    def stop(self) -> None:
        """Its processes end by themselves."""


def _groups(task: Task, pictures: Sequence[Picture]) -> list[Sequence[Picture]]:
    """The pictures of each request."""
    size = BATCH if task in {Task.NUMBERS_BATCH, Task.NPY_BATCH} else 1
    return [pictures[start : start + size] for start in range(0, len(pictures) - size + 1, size)]
