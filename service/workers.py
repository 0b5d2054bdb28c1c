"""The threads that work for the event loop: some for the models, some that decode requests and encode answers."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import ParamSpec, TypeVar

from service.autoencoder import set_threads

Answer = TypeVar("Answer")
P = ParamSpec("P")

QUICK_VALUES = 2**13
"""Up to so many numbers work is done on the event loop: ten images of MNIST, which take below a millisecond as PNGs."""
BULK_VALUES = 2**16
"""From so many numbers, or bytes, on a request is large, and does not share its threads with small ones."""

_LATELY_S = 0.05
"""How long calls that ran at once count as if they still did."""


class ModelThreads(ThreadPoolExecutor):
    """Calls models as often at once as there are threads; a call alone takes all of them, several share them.

    Two calls on a thread each are done sooner than two in turn on both, which wait for each other at each layer. How
    many share is how many ran at once lately: where others were a moment ago, they will be back before a call is done.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count, "model")
        self.count = count
        self._lock, self._calls = Lock(), 0
        self._most, self._until = 1, 0.0
        """How many calls share the threads, and until when that holds though fewer run."""

    def submit(self, work: Callable[P, Answer], /, *args: P.args, **kwargs: P.kwargs) -> "Future[Answer]":
        """Let a thread work, with its share of all threads."""
        return super().submit(self._work, partial(work, *args, **kwargs))

    def _work(self, work: Callable[[], Answer]) -> Answer:
        try:
            set_threads(max(1, self.count // self._enter()))
            return work()
        finally:
            self._leave()

    def _enter(self) -> int:
        """Count a call -> how many share the threads now."""
        with self._lock:
            self._calls += 1
            if time.monotonic() > self._until:
                self._most = 1
            self._note()
            return self._most

    def _leave(self) -> None:
        with self._lock:
            self._note()
            self._calls -= 1

    def _note(self) -> None:
        if self._calls >= self._most:
            self._most, self._until = self._calls, time.monotonic() + _LATELY_S


class Workers:
    """Pools of threads, so that nothing large keeps the event loop or small requests waiting."""

    def __init__(self, codec_threads: int, torch_threads: int) -> None:
        self.model = ModelThreads(torch_threads)
        self._small = ThreadPoolExecutor(codec_threads, "codec")
        self._large = ThreadPoolExecutor(codec_threads, "codec-large")

    async def run(self, work: Callable[[], Answer], values: int = BULK_VALUES) -> Answer:
        """Work on so many numbers outside the event loop, or on it where they are so few that this is quick."""
        if values <= QUICK_VALUES:
            return work()
        return await self.decode(work, values)

    async def decode(self, work: Callable[[], Answer], size: int) -> Answer:
        """Decode so many bytes outside the event loop, however few they are: they may hold many numbers."""
        pool = self._large if size >= BULK_VALUES else self._small
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def close(self) -> None:
        """End the threads once their present work is done; drop what waits."""
        for pool in (self.model, self._small, self._large):
            pool.shutdown(wait=False, cancel_futures=True)
