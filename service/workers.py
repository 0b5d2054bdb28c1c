"""The threads that work for the event loop: one for the models, some that decode requests and encode answers."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from service.deadline import Deadline

Answer = TypeVar("Answer")
Numbers = NDArray[np.float32]

BULK_IMAGES = 32
BULK_BYTES = 2**16
"""From which on a request is large, and does not share its threads with small ones."""


class Workers:
    """Pools of threads, so that nothing large keeps the event loop or small requests waiting."""

    def __init__(self, max_batch_size: int, codec_threads: int) -> None:
        self.max_batch_size = max_batch_size
        self._model = ThreadPoolExecutor(1, "model")
        self._small = ThreadPoolExecutor(codec_threads, "codec")
        self._large = ThreadPoolExecutor(codec_threads, "codec-large")

    async def compute(self, call: Callable[[Numbers], Numbers], batch: Numbers, deadline: Deadline) -> Numbers:
        """Run a model on a batch, in turns of `max_batch_size`, so that a small request waits for one turn at most.

        Raises:
            DeadlineExceeded: Before a turn; what has expired is not computed.
        """
        turns = range(0, len(batch), self.max_batch_size)
        answers = [await self._turn(call, batch[start : start + self.max_batch_size], deadline) for start in turns]
        return answers[0] if len(answers) == 1 else await self.run(lambda: np.concatenate(answers), is_large=True)

    async def run(self, work: Callable[[], Answer], *, is_large: bool = False) -> Answer:
        """Run decoding, encoding or other work on arrays outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._large if is_large else self._small, work)

    def close(self) -> None:
        """End the threads once their present work is done; drop what waits."""
        for pool in (self._model, self._small, self._large):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, call: Callable[[Numbers], Numbers], batch: Numbers, deadline: Deadline) -> Numbers:
        def work() -> Numbers:
            deadline.check()
            return call(batch)

        return await asyncio.get_running_loop().run_in_executor(self._model, work)
