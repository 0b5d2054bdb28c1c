"""The maps of this service: computed once for all who ask for the same at a time, and kept for a while."""

import asyncio
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from service.map_pool import Make, MapPool
from service.map_run import MapRun
from service.maps import MapAnswer, MapJob


class Order(Protocol):
    """What somebody wants: maps, and a picture of them or none."""

    @property
    def key(self) -> bytes:
        """What tells apart orders whose maps differ."""

    @property
    def picture_key(self) -> bytes | None:
        """What tells apart orders whose pictures differ; None without a picture."""

    def let_go(self) -> None:
        """Ask for no maps: there are such already, or others have begun some."""

    async def maps_job(self) -> MapJob:
        """The job of the maps."""

    async def picture_job(self, given: MapAnswer) -> MapJob:
        """The job of a picture of these maps."""


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

    @contextmanager
    def follow(self, order: Order) -> Iterator[MapRun]:
        """Follow the maps of an order, begun where they must be, and stopped when nobody follows them any more.

        Raises:
            Overloaded: As many maps as may wait are waiting, and these are neither under way nor kept.
            MapFailed: There are no processes.
        """
        if (run := self._find(order.key)) is not None:
            order.let_go()
        else:
            run = self._begin(order.key, order.maps_job)
        with self._following(order.key, run):
            yield run

    async def answer(self, order: Order) -> MapAnswer:
        """The maps of an order, and their picture where it asks for one.

        Raises:
            Refusal: What the job ended in, or `Overloaded`.
        """
        was_kept = order.key in self._kept
        with self.follow(order) as run:
            answer = await run.answer()
        if (key := order.picture_key) is None:
            return answer
        make = partial(order.picture_job, answer)
        run = self._find(key) or self._begin(key, make, is_picture=True, is_entitled=not was_kept)
        with self._following(key, run):
            return await run.answer()

    @contextmanager
    def _following(self, key: bytes, run: MapRun) -> Iterator[None]:
        run.followers += 1
        try:
            yield
        finally:
            run.followers -= 1
            if not run.followers:
                self._forget(key, run)
                run.stop()

    def _find(self, key: bytes) -> MapRun | None:
        if run := self._runs.get(key):
            self._count("shared")
            return run
        if answer := self._kept.get(key):
            self._count("kept")
            return MapRun.known(answer)
        return None

    def _begin(self, key: bytes, make: Make, *, is_picture: bool = False, is_entitled: bool = False) -> MapRun:
        run = MapRun()

        async def prepare() -> MapJob:
            job = await make()
            self._count("drawn" if is_picture else "computed")
            run.note_prepared()
            return job

        task = self._pool.begin(prepare, run.hear, is_entitled=is_entitled)
        task.add_done_callback(lambda task: self._end(key, run, task, is_picture=is_picture))
        run.begin(task)
        self._runs[key] = run
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
        """Keep an answer that is not here yet, unless it takes more than all may."""
        size = len(pickle.dumps(answer))
        if size > self._max_bytes:
            return
        self._answers[key] = answer, size
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, (_, least) = self._answers.popitem(last=False)
            self._bytes -= least
