"""Blocks of a request that must end in time, and while their client is there; cheap, since nearly all of them do."""

import asyncio
import logging
import time
from types import TracebackType
from typing import Literal, Protocol, Self

from starlette.types import Receive

_log = logging.getLogger("hourglass.timekeeper")

_TICK_S = 0.02
"""How often what is under way is looked at: the precision of every time limit, and the least of them."""
_WATCHED_AFTER = 5
"""How many looks later the client is watched, which takes a task: most requests are answered sooner."""


class Watched(Protocol):
    """Something that is under way."""

    def look(self, now: float) -> None:
        """See to it, at a moment of the monotonic clock."""


class Timekeeper:
    """Looks from time to time at everything that is under way, with one timer for all.

    `asyncio.timeout` has a timer each; several of them cost a small request more than its model does.
    """

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def block(self, until: float, receive: Receive | None = None) -> "Block":
        """A block of the current task that is cancelled at `until`, on the monotonic clock, or when its client leaves.

        The client is watched through `receive`, where that is given, and only while nothing else receives.

        Raises:
            TimeoutError: From the block, in place of the cancellation; `has_left` tells which it was.
        """
        return Block(self, until, receive)

    def add(self, watched: Watched) -> None:
        """Look at it from now on."""
        self._watched.add(watched)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._look)

    def remove(self, watched: Watched) -> None:
        """Look at it no more."""
        self._watched.discard(watched)

    def _look(self) -> None:
        now = time.monotonic()
        for watched in tuple(self._watched):
            try:
                watched.look(now)
            except Exception:  # the time of all others goes on
                _log.exception("something under way could not be looked at")
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._look) if self._watched else None


class Block:
    """A context manager; its task is cancelled as `asyncio.timeout` does it, and by nobody else's mistake."""

    __slots__ = ("_cancelling", "_is_over", "_keeper", "_looks", "_receive", "_task", "_until", "_watch", "has_left")

    def __init__(self, keeper: Timekeeper, until: float, receive: Receive | None) -> None:
        self._keeper, self._until, self._receive = keeper, until, receive
        self._watch: asyncio.Task[None] | None = None
        self._is_over = self.has_left = False
        self._looks = 0

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._keeper.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Literal[False]:
        self._keeper.remove(self)
        if self._watch is not None:
            self._watch.cancel()
        if self._is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
        return False

    def watch(self, until: float, receive: Receive | None) -> None:
        """Set another end, and whether the client is watched until then."""
        self._until, self._receive, self._looks = until, receive, 0

    def look(self, now: float) -> None:
        """End the block if it is time; begin to watch its client if it goes on."""
        self._looks += 1
        if now >= self._until:
            self._end()
        elif self._looks == _WATCHED_AFTER and self._receive is not None:
            self._watch = asyncio.get_running_loop().create_task(self._watch_client(self._receive))

    async def _watch_client(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.has_left = True
        self._end()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._task.cancel()
