"""Requests that come at once: so many, and the next so many when all of them are answered."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

Begin: TypeAlias = Callable[[Callable[[], None]], None]
"""Begins one request, and lets it call back, later and once, when it is answered."""


class Waves:
    """Waves of requests on the running event loop, joined by callbacks: a task for each would cost as much as they."""

    def __init__(self, size: int, begin: Begin) -> None:
        self._size, self._begin = size, begin
        self._left = self._open = 0

    async def run(self, count: int) -> None:
        """Begin so many waves, one after the other."""
        self._loop = asyncio.get_running_loop()
        self._left, self._over = count, self._loop.create_future()
        self._next()
        await self._over

    def _next(self) -> None:
        if self._left == 0:
            self._over.set_result(None)
            return
        self._left, self._open = self._left - 1, self._size
        for _ in range(self._size):
            self._begin(self._answered)

    def _answered(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._loop.call_soon(self._next)  # not now: what answered ends first, as it does for a lone client
