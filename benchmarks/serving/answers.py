"""Right answers, computed in this process with the bundle's TorchScript file, and the comparison with a server's."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.serving.pictures import Picture, as_bytes, as_written
from benchmarks.serving.protocol import Answer
from benchmarks.serving.server import Server
from benchmarks.serving.workloads import Task
from service.arrays import to_unit
from service.autoencoder import Autoencoder

CHECKED = 32
"""Requests whose answers are compared."""
_AT_ONCE = 8
"""Requests that are open at once, so that answers that a batching server mixes up are noticed."""
TOLERANCES = {Task.REBUILD: 1.0} | dict.fromkeys(set(Task) - {Task.REBUILD}, 1e-4)
"""How far an answer may be from the right one: grey levels for images, absolute for latents."""


class WrongAnswer(Exception):
    """A server's answer is not the model's."""


class RightAnswers:
    """What the model makes of pictures in the form that a task's requests carry."""

    def __init__(self, model: Path) -> None:
        self._model = Autoencoder.load(model)

    def of(self, task: Task, pictures: Sequence[Picture]) -> Answer:
        """Latents `(n, latent_dim)`, or the grey levels `(height, width)` of one reconstruction."""
        if task is Task.REBUILD:
            rebuilt: Answer = self._model.reconstruct(to_unit(as_bytes(pictures)))[0, :, :, 0] * 255
            return rebuilt
        is_written = task in {Task.NUMBERS, Task.NUMBERS_BATCH}
        return self._model.encode(as_written(pictures) if is_written else to_unit(as_bytes(pictures)))


def check(server: Server, task: Task, groups: Sequence[Sequence[Picture]], right: RightAnswers) -> None:
    """Ask about groups of pictures, several at once, and compare every answer.

    Raises:
        WrongAnswer: One is too far off, or in another form.
        ServerFailed: One is not answered.
    """
    call = server.call(task)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        bodies = list(pool.map(lambda group: server.ask(call.request(group)), groups))
    for group, body in zip(groups, bodies, strict=True):
        try:
            answer = call.read(body)
        except (ValueError, LookupError, TypeError, OSError) as error:
            raise WrongAnswer(f"not to be read: {body[:200]!r}") from error
        compare(task, answer, right.of(task, group))


def compare(task: Task, answer: Answer, expected: Answer) -> None:
    """Hold one answer against the right one.

    Raises:
        WrongAnswer: Its shape differs, or a number by more than the task's tolerance.
    """
    if answer.shape != expected.shape:
        raise WrongAnswer(f"an answer of shape {answer.shape} where {expected.shape} is right")
    distance = float(np.abs(answer.astype(np.float64) - expected).max())
    if not distance <= TOLERANCES[task]:
        raise WrongAnswer(f"an answer is off by {distance:g}, more than {TOLERANCES[task]:g}")
