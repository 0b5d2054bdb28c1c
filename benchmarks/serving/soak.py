"""Whether the service stays small under a mix of everything: load for minutes, memory once a second.

python -m benchmarks.serving.soak --data-root DIR --models-dir DIR --minutes 10 [--workers 1] --output FILE.json

wrk sends single images as JSON numbers and as PNG, from 16 connections each; beside it one client goes through
batches, reconstructions, walks, wrong bodies and requests that are never finished (`mixture.py`). Every answer of wrk
must be 2xx, every other one have the status that it must have. Memory counts as settled after the first minute, or
after half the time where that is less. The exit status is 1 where a worker's memory grows by 2 % or more after that,
by either measure of `growth.py`, or ever reaches 400 MB.
"""

import argparse
import dataclasses
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving import machine
from benchmarks.serving.__main__ import PICTURES, find_model
from benchmarks.serving.growth import Memory, memory_of
from benchmarks.serving.mixture import Mixture, errands
from benchmarks.serving.own import OwnServer, rss_mb
from benchmarks.serving.pictures import Picture, load_pictures
from benchmarks.serving.workloads import Task
from benchmarks.serving.wrk import run_wrk, write_requests
from service.autoencoder import Autoencoder

CONNECTIONS = 16
MOST_GROWTH_PERCENT, MOST_MB = 2.0, 400.0
_ROUND_S = 20
"""Of one run of wrk: an answer that is not 2xx is noticed after it."""
_SETTLE_S = 60.0


@dataclass
class Soak:
    """One load of a server, and what was seen meanwhile."""

    server: OwnServer
    seconds: float
    requests: dict[str, int] = field(default_factory=dict)
    """Answered, by kind."""
    left: dict[str, int] = field(default_factory=dict)
    """Not waited for, by when the client left."""
    at: list[float] = field(default_factory=list)
    """When memory was looked at: seconds since the load began."""
    rss_mb: dict[int, list[float]] = field(default_factory=dict)
    """Of every worker, by its process, as often."""
    tree_mb: list[float] = field(default_factory=list)
    """Of all processes together."""
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self, pictures: Sequence[Picture], latent_dim: int, folder: Path) -> None:
        """Load and watch the server until the time is over.

        Raises:
            LoadFailed, ServerFailed, OSError: An answer was not as it must be, or a worker is another than before.
        """
        self._until = time.monotonic() + self.seconds
        mixture = Mixture(self.server.port, errands(pictures, latent_dim))
        work: list[Callable[[], None]] = [self._watch, lambda: self._mix(mixture)]
        work += [self._wrk(task, pictures, folder) for task in (Task.NUMBERS, Task.PNG)]
        with ThreadPoolExecutor(len(work)) as pool:
            running = [pool.submit(one) for one in work]
            try:
                done, _ = wait(running, return_when=FIRST_EXCEPTION)
            finally:
                self._over.set()
        for one in (*done, *running):
            one.result()

    def memory(self) -> dict[int, Memory]:
        """What each worker held."""
        settle_s = min(_SETTLE_S, self.seconds / 2)
        return {pid: memory_of(self.at, held, settle_s) for pid, held in self.rss_mb.items()}

    @property
    def _left_s(self) -> float:
        return 0.0 if self._over.is_set() else self._until - time.monotonic()

    def _watch(self) -> None:
        workers = self.server.worker_pids()
        self.rss_mb = {pid: [] for pid in workers}
        began = time.monotonic()
        while self._left_s > 0:
            if not self.server.is_running or any(not rss_mb(pid) for pid in workers):
                raise SystemExit("a worker has ended")
            self.at.append(time.monotonic() - began)
            for pid, held in self.rss_mb.items():
                held.append(rss_mb(pid))
            self.tree_mb.append(self.server.usage().rss_mb)
            self._over.wait(1.0)

    def _mix(self, mixture: Mixture) -> None:
        try:
            while self._left_s > 0:
                mixture.cycle()
        finally:
            mixture.close()
            self.requests |= mixture.answered
            self.left |= mixture.left

    def _wrk(self, task: Task, pictures: Sequence[Picture], folder: Path) -> Callable[[], None]:
        path = folder / f"{task.name}.requests"
        call = self.server.call(task)
        write_requests([call.request([picture]) for picture in pictures], path)

        def load() -> None:
            while (left_s := self._left_s) >= 1:
                answered = run_wrk(path, self.server.port, CONNECTIONS, min(_ROUND_S, int(left_s))).requests
                self.requests[task.value] = self.requests.get(task.value, 0) + answered

        return load


def main() -> int:
    """Soak, print, keep; 1 where the service did not stay small."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # so that no server is left behind
    models_dir = options.models_dir.resolve()
    model = find_model(models_dir)
    pictures = load_pictures(options.data_root, PICTURES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        OwnServer.warm_up(models_dir, model, folder / "cold", options.workers)
        server = OwnServer(models_dir, model, folder / "warm", options.workers)
        try:
            ready_s = server.wait()
            soak = Soak(server, options.minutes * 60)
            soak.run(pictures, Autoencoder.load(model).latent_dim, folder)
        finally:
            server.stop()
    found = {"start_to_ready_s": ready_s, **summary(soak)}
    kept = {"minutes": options.minutes, "workers": options.workers}
    samples = {"at_s": soak.at, "workers_mb": list(soak.rss_mb.values()), "tree_mb": soak.tree_mb}
    document = {"machine": machine.describe(), "options": kept, **found, "samples": samples}
    options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    faults = [fault for memory in soak.memory().values() for fault in faults_of(memory)]
    print("\n".join(faults) or f"no worker grew by {MOST_GROWTH_PERCENT:g} % or reached {MOST_MB:g} MB")
    return 1 if faults else 0


def summary(soak: Soak) -> dict[str, Any]:
    """What is printed and kept, in JSON."""
    return {
        "requests": sum(soak.requests.values()),
        "requests_by_kind": soak.requests,
        "clients_that_left": soak.left,
        "workers": [dataclasses.asdict(memory) for memory in soak.memory().values()],
        "all_processes_most_mb": max(soak.tree_mb),
    }


def faults_of(memory: Memory) -> list[str]:
    """What one worker's memory must not be."""
    faults = []
    growth = max(memory.growth_percent, memory.fitted_growth_percent)
    if growth >= MOST_GROWTH_PERCENT:
        faults.append(f"a worker grew by {growth:.1f} %, {MOST_GROWTH_PERCENT:g} % or more")
    if memory.most_mb >= MOST_MB:
        faults.append(f"a worker held {memory.most_mb:.0f} MB, {MOST_MB:g} MB or more")
    return faults


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.serving.soak", description="Memory under a mix of load.")
    parser.add_argument("--data-root", type=Path, required=True, help="folder with MNIST in torchvision's layout")
    parser.add_argument("--models-dir", type=Path, required=True, help="folder of bundles; its default is of MNIST")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help="a JSON file for figures and samples")
    return parser


if __name__ == "__main__":
    sys.exit(main())
