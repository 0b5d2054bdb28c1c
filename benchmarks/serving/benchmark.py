"""The benchmark itself: make every environment, start every server, check its answers, then measure all in turn."""

import itertools
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson
from rich.console import Console

from benchmarks.environment import InstallFailed, installed_versions, prepare_environment
from benchmarks.serving.answers import RightAnswers, WrongAnswer
from benchmarks.serving.contestants import Contestant, InProcess, Served
from benchmarks.serving.peer import Launch, Peer
from benchmarks.serving.pictures import Picture
from benchmarks.serving.results import Failure, Measurement, Results
from benchmarks.serving.server import Server, ServerFailed, free_port
from benchmarks.serving.workloads import Task, Workload
from benchmarks.serving.wrk import LoadFailed
from service.cpu import Compute, count_cpus
from service.settings import Settings

_FAILURES = (InstallFailed, ServerFailed, WrongAnswer, LoadFailed, OSError, subprocess.SubprocessError)


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    peers: Sequence[Peer]
    workloads: Sequence[Workload]
    models_dir: Path
    model: Path
    data_root: Path
    seconds: int
    warm_up_seconds: int
    repeats: int


class Benchmark:
    """One run of a plan, in a folder for what servers write."""

    def __init__(
        self, plan: Plan, pictures: Sequence[Picture], results: Results, folder: Path, console: Console
    ) -> None:
        self._plan, self._pictures, self._results = plan, pictures, results
        self._folder, self._console = folder, console
        self._right = RightAnswers(plan.model)
        self._contestants: list[Contestant] = []

    def run(self) -> None:
        """Measure everything; what fails is noted, and the others go on."""
        try:
            self._gather()
            for workload in self._plan.workloads:
                self._results.left_out[workload.name] = [
                    contestant.name
                    for contestant in self._contestants
                    if not contestant.takes_part(workload) and isinstance(contestant, Served)
                ]
            for repeat, workload in itertools.product(range(self._plan.repeats), self._plan.workloads):
                for contestant in self._contestants:
                    self._measure(contestant, workload, repeat)
        finally:
            for contestant in self._contestants:
                contestant.stop()

    def _gather(self) -> None:
        answer = self._folder / "answer.json"
        latents = self._right.of(Task.NUMBERS, self._pictures[:1])
        document = {
            "model": self._plan.model.parents[1].name,
            "version": int(self._plan.model.parent.name),
            "latents": latents,
        }
        answer.write_bytes(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))
        for peer in self._plan.peers:
            self._console.print(f"{peer.name}: environment", highlight=False)
            self._attempt(peer.name, None, partial(self._start_all, peer, answer))
        compute = Compute.share(count_cpus(), 1, Settings(_env_file=None).torch_threads)
        self._contestants.append(InProcess(self._plan.model, self._plan.data_root, compute.torch_threads))

    def _start_all(self, peer: Peer, answer: Path) -> None:
        python = prepare_environment(peer.name, peer.requirements)
        self._results.versions[peer.name] = installed_versions(python)
        for number, variant in enumerate(peer.variants):
            folder = self._folder / f"{peer.name}-{number}"
            launch = Launch(python, free_port(), self._plan.models_dir, self._plan.model, answer, folder)
            server = Server(peer, variant, launch)
            served = Served(server, self._pictures, folder)
            self._console.print(f"{server.name}: start and check", highlight=False)
            self._contestants.append(served)
            self._attempt(server.name, None, partial(served.check, self._right))

    def _measure(self, contestant: Contestant, workload: Workload, repeat: int) -> None:
        if not contestant.takes_part(workload) or self._results.has_failed(contestant.name, workload.name):
            return

        def measure() -> None:
            if repeat == 0:
                contestant.measure(workload, self._plan.warm_up_seconds)
            figures = contestant.measure(workload, self._plan.seconds)
            self._results.measurements.append(Measurement(workload.name, contestant.name, repeat, figures))
            rate = f"{figures.requests_per_s:,.0f} requests/s, p50 {figures.p50_ms:.2f} ms"
            self._console.print(f"{repeat + 1} {workload.name} {contestant.name}: {rate}", highlight=False)

        self._attempt(contestant.name, workload.name, measure)

    def _attempt(self, server: str, workload: str | None, step: Callable[[], None]) -> None:
        try:
            step()
        except _FAILURES as error:
            failure = Failure(server, workload, without_places(f"{type(error).__name__}: {error}"))
            self._results.failures.append(failure)
            self._console.print(f"{server} failed: {failure.reason}", style="red", highlight=False)


def without_places(text: str) -> str:
    """A message without the folders and addresses of the machine that it came from."""
    text = re.sub(r"\w+://\S+", "…", text)
    return re.sub(r"(?<![\w.])/\S*/", "", text)[:500]
