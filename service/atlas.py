"""The maps of this service: computed once for all who ask for the same at a time, and kept for a while."""

import asyncio
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from service.map_pool import MapPool
from service.map_run import MapRun
from service.maps import MapAnswer, MapJob


class Atlas:
    """Maps by the content that they are made of.

    A map without followers is stopped. What is kept are maps, not pictures: those are drawn from a map that is there.
    """

    def __init__(self, pool: MapPool, max_bytes: int, count: Callable[[str], None]) -> None:
        """Keep maps of so many bytes; `count` is told of each request how it got what it followed."""
        self._pool = pool
        self._runs: dict[bytes, MapRun] = {}
        self._kept = _Kept(max_bytes)
        self._count = count

    def check_place(self, key: bytes) -> None:
        """Refuse a map that is neither under way nor kept, where there is no place for it.

        Raises:
            Overloaded: As many maps as may wait are waiting.
            MapFailed: There are no processes.
        """
        if key not in self._runs and key not in self._kept:
            self._pool.check_place()

    @contextmanager
    def follow(self, key: bytes, job: MapJob, *, is_entitled: bool = False) -> Iterator[MapRun]:
        """Follow what a job makes, which is begun where it must be, and stopped when nobody follows it any more.

        Raises:
            Overloaded, MapFailed: As `check_place`, unless the job is entitled to a place.
        """
        run = self._find(key) or self._begin(key, job, is_entitled)
        run.followers += 1
        try:
            yield run
        finally:
            run.followers -= 1
            if not run.followers:
                self._forget(key, run)
                run.stop()

    async def answer(self, key: bytes, job: MapJob, picture_key: bytes) -> MapAnswer:
        """The maps of a job, and their picture where it asks for one.

        Raises:
            Refusal: What the job ended in, or `Overloaded`.
        """
        was_kept = key in self._kept
        with self.follow(key, replace(job, picture=None, thumbnails=None)) as run:
            answer = await run.answer()
        if job.picture is None:
            return answer
        with self.follow(
            picture_key, replace(job, spaces={}, pixels=None, given=answer), is_entitled=not was_kept
        ) as run:
            return await run.answer()

    def _find(self, key: bytes) -> MapRun | None:
        if run := self._runs.get(key):
            self._count("shared")
            return run
        if answer := self._kept.get(key):
            self._count("kept")
            return MapRun.known(answer)
        return None

    def _begin(self, key: bytes, job: MapJob, is_entitled: bool) -> MapRun:
        run = MapRun()
        task = self._pool.begin(job, run.hear, is_entitled=is_entitled)
        task.add_done_callback(lambda task: self._end(key, run, task, is_picture=job.picture is not None))
        run.begin(task)
        self._runs[key] = run
        self._count("computed" if job.picture is None else "drawn")
        return run

    def _end(self, key: bytes, run: MapRun, task: "asyncio.Task[MapAnswer]", *, is_picture: bool) -> None:
        self._forget(key, run)
        if not (key in self._kept or is_picture or task.cancelled() or task.exception()):
            self._kept.put(key, task.result())

    def _forget(self, key: bytes, run: MapRun) -> None:
        """Let nobody join a run any more."""
        if self._runs.get(key) is run:
            del self._runs[key]


class _Kept:
    """Answers by key, in bounded memory: what was asked for longest ago goes first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._answers: OrderedDict[bytes, tuple[MapAnswer, int]] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        return key in self._answers

    def get(self, key: bytes) -> MapAnswer | None:
        if key not in self._answers:
            return None
        self._answers.move_to_end(key)
        return self._answers[key][0]

    def put(self, key: bytes, answer: MapAnswer) -> None:
        """Keep an answer that is not here yet."""
        size = len(pickle.dumps(answer))
        self._answers[key] = answer, size
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, (_, least) = self._answers.popitem(last=False)
            self._bytes -= least
