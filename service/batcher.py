"""Dynamic batching: what waits for one operation of one model is computed together."""

import asyncio
import logging
import math
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from service.arrays import in_numbers
from service.deadline import Deadline
from service.errors import InternalError
from service.waiting import Answers, Done, Entry, Numbers, Part, Rows, share_out

_log = logging.getLogger("hourglass.batcher")

Call: TypeAlias = Callable[[Numbers], Numbers]
_WARM_UP_SIZES = (1, 1, 1, 2, 4, 8, 16, 32, 64, 128)
"""TorchScript specialises a method in its first calls, and again when the batch size changes."""
_WARM_UP_CALLS = 8
_INLINE_S = 0.002
"""How long a batch may keep the event loop: about as long as going to a thread and back may take on a busy machine."""
_PAUSE_S = 1.0
"""After which a batcher that broke tries again by itself."""


@dataclass(frozen=True)
class Batching:
    """How requests are gathered."""

    max_batch_size: int
    """Rows of one model call."""
    max_delay_s: float = 0.0
    """How long a request may wait for others to fill its batch."""


class _Computing(NamedTuple):
    """A batch that is computed, and since when."""

    batch: list[Part]
    since: float


class Batcher:
    """Gathers the rows of all requests that wait for one operation, and computes at most `max_batch_size` at once.

    Without a delay a batch is whatever waits when the model falls free: a lone request is computed at once, and under
    load batches grow by themselves. Every request may fill an equal share of a batch, and those that want more take
    turns at the rest: a single image is in the next batch that is put together, however many images another request
    holds. How much waits is bounded before it comes here: by `Admission`, and points of maps by the places of these.
    """

    def __init__(
        self,
        call: Call,
        pool: Executor,
        batching: Batching,
        inline_rows: int = 0,
        most_at_once: int = 1,
        known: Numbers | None = None,
    ) -> None:
        """Compute with `call`; batches of at most `inline_rows` on the event loop, larger ones in `pool`.

        While one batch is computed, others are only begun if they are full, as long as there are `most_at_once`. What
        is `known` are rows that can be computed: with them a batcher that broke finds out whether it computes again.
        """
        self.inline_rows, self._known = inline_rows, known
        self._call, self._pool, self._batching, self._most_at_once = call, pool, batching, most_at_once
        self._waiting: list[Entry] = []
        self._rows_waiting = 0
        """Theirs, with those that nobody waits for any more."""
        self._is_full = asyncio.Event()
        self._loops: dict[asyncio.Task[None], _Computing | None] = {}
        """Each computes batch after batch, and what it computes now."""
        self._is_broken = self._is_to_try = False

    @classmethod
    def warm(cls, call: Call, rows: Numbers, pool: Executor, batching: Batching, most_at_once: int = 1) -> "Batcher":
        """Call a model with batches made of `rows` until it is warm, and learn which of them are quick."""
        inline_rows = 0
        for size in (size for size in _WARM_UP_SIZES if size <= batching.max_batch_size):
            if _seconds(call, np.resize(rows, (size, *rows.shape[1:]))) > _INLINE_S:
                break
            inline_rows = size
        return cls(call, pool, batching, inline_rows, most_at_once, rows[:1].copy())

    def submit(self, rows: Rows, deadline: Deadline, done: Done) -> Entry:
        """Let rows be computed, `(rows, ...)`; `done` is called on the event loop, and must not raise.

        It is told `DeadlineExceeded` where that passed before all rows were computed, `InternalError` where the batcher
        failed, and whatever the model raises for these rows.
        """
        entry = Entry(rows, deadline, done)
        self._waiting.append(entry)
        self._rows_waiting += len(rows)
        self._begin()
        return entry

    async def run(self, rows: Rows, deadline: Deadline) -> Answers:
        """Compute rows; a caller that is cancelled waits no more.

        Raises:
            Exception: What `submit` tells.
        """
        answered: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()

        def done(result: Answers | Exception) -> None:
            if answered.done():  # cancelled, by one that has not woken yet
                return
            if isinstance(result, Exception):
                answered.set_exception(result)
            else:
                answered.set_result(result)

        entry = self.submit(rows, deadline, done)
        try:
            return await answered
        finally:
            entry.drop()

    def is_healthy(self, patience_s: float) -> bool:
        """Whether it computes: it has done so since it broke, and no batch has taken longer than `patience_s`."""
        since = min((computing.since for computing in self._loops.values() if computing), default=math.inf)
        return not self._is_broken and time.monotonic() - since <= patience_s

    def _begin(self) -> None:
        """Begin a loop, if there is none, or a full batch waits and can be computed beside others."""
        is_full = self._rows_waiting >= self._batching.max_batch_size
        if is_full:
            self._is_full.set()
        may_be_beside = self.inline_rows < self._batching.max_batch_size and len(self._loops) < self._most_at_once
        if not self._loops or (is_full and may_be_beside):
            loop = asyncio.get_running_loop().create_task(self._serve())
            self._loops[loop] = None
            loop.add_done_callback(self._ended)

    async def _serve(self) -> None:
        """Compute batch after batch: until nothing waits any more, or what does is another's, which computes now."""
        this = asyncio.current_task()
        assert this is not None
        while True:
            await self._gather()
            if self._batching.max_delay_s:
                await self._fill()
            is_another_s = len(self._loops) > 1 and self._rows_waiting < self._batching.max_batch_size
            batch = [] if is_another_s else self._next_batch()
            if not batch:
                del self._loops[this]  # at once: who comes next must start another
                return
            self._loops[this] = _Computing(batch, time.monotonic())
            self._begin()
            await self._compute(batch)
            self._loops[this] = None

    def _ended(self, loop: "asyncio.Task[None]") -> None:
        """Let nobody wait for a loop that broke; the next request starts another, or what is known does."""
        error = None if loop.cancelled() else loop.exception()
        if loop in self._loops:  # it did not end by itself
            if error is not None and not self._is_broken:  # not each second, while it tries again
                _log.error("a batcher failed", exc_info=error)
            computing, self._is_broken = self._loops.pop(loop), True
            batch = computing.batch if computing else []
            waiting = [*(part.entry for part in batch), *self._waiting]
            self._waiting, self._rows_waiting = [], 0
            for entry in waiting:
                entry.end(InternalError("The service could not compute this; try again."))
            self._try_later()

    def _try_later(self) -> None:
        """Compute what is known after a pause: who is told of a batcher that broke may send it nothing any more."""
        if self._known is not None and not self._is_to_try:
            self._is_to_try = True
            asyncio.get_running_loop().call_later(_PAUSE_S, _try, weakref.ref(self), self._known)

    def try_now(self, known: Numbers) -> None:
        """Compute what is known, if no request has been computed since it broke."""
        self._is_to_try = False
        if self._is_broken:
            self.submit(known, Deadline.after(math.inf), self._tried)

    def _tried(self, result: Answers | Exception) -> None:
        if isinstance(result, Exception):
            self._try_later()

    async def _gather(self) -> None:
        """Let the event loop read on while each of its turns brings more: what is there already may as well come along.

        It takes no time for a lone request, and lets in clients that come at once, of which each turn accepts one.
        """
        known = 1
        while known < len(self._waiting) < self._batching.max_batch_size:
            known = len(self._waiting)
            await asyncio.sleep(0)

    async def _fill(self) -> None:
        """Wait until a batch is full, or the first of those who wait has done so for `max_delay_s`."""
        self._is_full.clear()
        if self._waiting and self._rows_waiting < self._batching.max_batch_size:
            first = min(entry.arrived for entry in self._waiting)
            left_s = first + self._batching.max_delay_s - time.monotonic()
            try:
                await asyncio.wait_for(self._is_full.wait(), max(0.0, left_s))
            except TimeoutError:
                return

    def _next_batch(self) -> list[Part]:
        """Take the next rows off those who wait; who left, or is too late, is dropped."""
        now = time.monotonic()
        staying = [entry for entry in self._waiting if entry.is_wanted(now)]
        counts = share_out([entry.left for entry in staying], self._batching.max_batch_size)
        batch = [entry.take(count) for entry, count in zip(staying, counts, strict=True) if count]
        begun = [part.entry for part in batch if part.entry.left]  # to the end of the queue: large requests take turns
        self._waiting = [entry for entry, count in zip(staying, counts, strict=True) if not count] + begun
        self._rows_waiting = sum(entry.left for entry in self._waiting)
        return batch

    async def _compute(self, batch: list[Part]) -> None:
        """Answer everybody in a batch; where it fails, compute each request's rows apart, so that none harms others."""
        parts = [part.rows for part in batch]
        count = sum(map(len, parts))
        try:
            answers = await self._call_model(parts, count)
        except Exception as error:
            if len(batch) == 1:
                batch[0].entry.end(error)
            else:
                for part in batch:
                    if part.entry.is_wanted(time.monotonic()):
                        await self._compute([part])
            return
        if len(answers) != count:
            raise ValueError(f"the model gave {len(answers)} answers for {count} rows")
        begin = 0
        for entry, start, own in batch:
            entry.answer(start, answers[begin : begin + len(own)])
            begin += len(own)
        if self._is_broken:
            self._is_broken = False
            _log.info("a batcher that had failed computes again")

    async def _call_model(self, parts: list[Rows], count: int) -> Numbers:
        if count > self.inline_rows:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._call_with, parts)
        if self._waiting:
            await asyncio.sleep(0)  # let the event loop do other things between two batches
        return self._call_with(parts)

    def _call_with(self, parts: list[Rows]) -> Numbers:
        numbers = [in_numbers(rows) for rows in parts]
        return self._call(numbers[0] if len(numbers) == 1 else np.concatenate(numbers))


def _try(batcher: "weakref.ref[Batcher]", known: Numbers) -> None:
    """Let a batcher that broke try again, unless its model was let go of meanwhile."""
    if (alive := batcher()) is not None:
        alive.try_now(known)


def _seconds(call: Call, batch: Numbers) -> float:
    """How much processor time a call takes at its best."""
    times = []
    for _ in range(_WARM_UP_CALLS):
        began = time.thread_time()
        call(batch)
        times.append(time.thread_time() - began)
    return min(times)
