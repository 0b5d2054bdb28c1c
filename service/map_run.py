"""One map on its way, and those who follow it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from service.maps import MapAnswer, MapProgress, Space


class MapRun:
    """A map that is computed, or known, for any number of followers.

    Followers are sent nothing: each looks at the latest progress when it has time. So one that is slow misses some, and
    makes nobody wait and nothing pile up; one that comes late sees the latest at once.
    """

    def __init__(self) -> None:
        self.followers = 0
        self._latest: dict[Space, MapProgress] = {}
        self._news = asyncio.Event()
        self._is_prepared = asyncio.Event()
        self._answer: asyncio.Future[MapAnswer]

    @classmethod
    def known(cls, answer: MapAnswer) -> "MapRun":
        """A map that needs no computing."""
        run, future = cls(), asyncio.get_running_loop().create_future()
        future.set_result(answer)
        run.begin(future)
        return run

    def begin(self, answer: "asyncio.Future[MapAnswer]") -> None:
        """Let the map be this one's result."""
        self._answer = answer
        answer.add_done_callback(self._end)

    def note_prepared(self) -> None:
        """What is to be computed is known: nothing is refused any more."""
        self._is_prepared.set()

    def hear(self, progress: MapProgress) -> None:
        """Take note of progress, and wake who waits for it."""
        self._latest[progress.space] = progress
        self._wake()

    def stop(self) -> None:
        """Compute no further."""
        self._answer.cancel()

    @property
    def is_over(self) -> bool:
        """Whether nothing is computed any more."""
        return self._answer.done()

    async def news(self, seen: Mapping[Space, MapProgress], pause_s: float) -> list[MapProgress]:
        """Of each space the latest progress, where it is another than was seen; in the order in which it came.

        Empty once `pause_s` has passed without any, or when the run is over.
        """
        if not (unseen := self._beyond(seen)) and not self.is_over:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._news.wait()
            unseen = self._beyond(seen)
        return [] if self.is_over else unseen

    async def prepared(self) -> None:
        """Wait until nothing is refused any more.

        Raises:
            Refusal: Why there will be no map.
        """
        await self._is_prepared.wait()
        if self.is_over:
            await self.answer()

    async def answer(self) -> MapAnswer:
        """The map; who stops to wait for it does not stop others.

        Raises:
            Refusal: What it ended in.
        """
        return await asyncio.shield(self._answer)

    def _beyond(self, seen: Mapping[Space, MapProgress]) -> list[MapProgress]:
        unseen = [progress for space, progress in self._latest.items() if seen.get(space) is not progress]
        return sorted(unseen, key=lambda progress: progress.elapsed_s)

    def _end(self, answer: "asyncio.Future[MapAnswer]") -> None:
        if not answer.cancelled():
            answer.exception()  # it counts as heard, where nobody follows any more
        self._is_prepared.set()
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
