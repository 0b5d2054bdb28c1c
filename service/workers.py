"""The threads that work for the event loop: one for the models, some that decode requests and encode answers."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.deadline import Deadline

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Workers:
    """Two pools of threads, so that neither a large body nor a large batch keeps the event loop waiting."""

    max_batch_size: int
    _model: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "model"))
    _codec: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(os.cpu_count() or 1, "codec"))

    async def compute(self, call: Callable[[Numbers], Numbers], batch: Numbers, deadline: Deadline) -> Numbers:
        """Run a model on a batch, in turns of `max_batch_size`, so that a small request waits for one turn at most.

        Raises:
            DeadlineExceeded: Before a turn; what has expired is not computed.
        """
        turns = range(0, len(batch), self.max_batch_size)
        answers = [await self._turn(call, batch[start : start + self.max_batch_size], deadline) for start in turns]
        return answers[0] if len(answers) == 1 else np.concatenate(answers)

    async def run(self, work: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        """Run decoding or encoding work outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._codec, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """End the threads once their present work is done; drop what waits."""
        self._model.shutdown(wait=False, cancel_futures=True)
        self._codec.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, call: Callable[[Numbers], Numbers], batch: Numbers, deadline: Deadline) -> Numbers:
        def work() -> Numbers:
            deadline.check()
            return call(batch)

        return await asyncio.get_running_loop().run_in_executor(self._model, work)
