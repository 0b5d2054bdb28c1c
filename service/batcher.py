"""Dynamic batching: what waits for one operation of one model is computed together."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.deadline import Deadline
from service.errors import InternalError

_log = logging.getLogger("hourglass.batcher")

Numbers: TypeAlias = NDArray[np.float32]
"""A batch of anything that a model takes or gives: the first axis counts."""
Call: TypeAlias = Callable[[Numbers], Numbers]
Answers: TypeAlias = list[Numbers]
"""The answers for the rows of one request, in order: a part from each batch that held some of them."""
Done: TypeAlias = Callable[[Answers | Exception], None]
"""Called once, with the answers or with why there are none."""

_WARM_UP_SIZES = (1, 1, 1, 2, 4, 8, 16, 32, 64, 128)
"""TorchScript specialises a method in its first calls, and again when the batch size changes."""
_WARM_UP_CALLS = 8
_INLINE_S = 0.002
"""How long a batch may keep the event loop: about as long as going to a thread and back may take on a busy machine."""


@dataclass(frozen=True)
class Batching:
    """How requests are gathered."""

    max_batch_size: int
    """Rows of one model call."""
    max_delay_s: float = 0.0
    """How long a request may wait for others to fill its batch."""


class Entry:
    """The rows of one request, how many of them went into batches, and the answers so far."""

    __slots__ = ("_answers", "_done", "arrived", "deadline", "rows", "taken")

    def __init__(self, rows: Numbers, deadline: Deadline, done: Done) -> None:
        self.rows, self.deadline, self.arrived = rows, deadline, time.monotonic()
        self.taken = 0
        self._answers: Answers = []
        self._done: Done | None = done

    @property
    def is_open(self) -> bool:
        """Whether anybody still waits."""
        return self._done is not None

    @property
    def left(self) -> int:
        """Rows that are in no batch yet."""
        return len(self.rows) - self.taken

    def take(self, count: int) -> Numbers:
        """The next rows."""
        self.taken += count
        return self.rows if count == len(self.rows) else self.rows[self.taken - count : self.taken]

    def answer(self, answers: Numbers) -> None:
        """Add the answers for the rows that were taken next."""
        self._answers.append(answers)
        if self.taken == len(self.rows):
            self.end(self._answers)

    def end(self, result: Answers | Exception) -> None:
        """Hand over the result, unless nobody waits any more."""
        if (done := self._done) is not None:
            self._done = None
            done(result)

    def drop(self) -> None:
        """Wait no more: what is not computed yet will not be."""
        self._done = None


_Batch: TypeAlias = list[tuple[Entry, Numbers]]
"""The rows that a batch holds of each request."""


class Batcher:
    """Gathers the rows of all requests that wait for one operation, and computes at most `max_batch_size` at once.

    Without a delay a batch is whatever waits when the model falls free: a lone request is computed at once, and under
    load batches grow by themselves. Every request may fill an equal share of a batch, and those that want more take
    turns at the rest: a single image is in the next batch, however many images another request holds. How much
    waits is bounded by `Admission`, before it comes here.
    """

    def __init__(self, call: Call, pool: Executor, batching: Batching, inline_rows: int = 0) -> None:
        """Compute with `call`; batches of at most `inline_rows` on the event loop, larger ones in `pool`."""
        self.inline_rows = inline_rows
        self._call, self._pool, self._batching = call, pool, batching
        self._waiting: list[Entry] = []
        self._batch: _Batch = []
        self._is_full = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._computing_since: float | None = None
        self._is_broken = False

    @classmethod
    def warm(cls, call: Call, rows: Numbers, pool: Executor, batching: Batching) -> "Batcher":
        """Call a model with batches made of `rows` until it is warm, and learn which of them are quick."""
        inline_rows = 0
        for size in (size for size in _WARM_UP_SIZES if size <= batching.max_batch_size):
            if _seconds(call, np.resize(rows, (size, *rows.shape[1:]))) > _INLINE_S:
                break
            inline_rows = size
        return cls(call, pool, batching, inline_rows)

    def submit(self, rows: Numbers, deadline: Deadline, done: Done) -> Entry:
        """Let rows be computed, `(rows, ...)`; `done` is called on the event loop, and must not raise.

        It is told `DeadlineExceeded` where that passed before all rows were computed, `InternalError` where the batcher
        failed, and whatever the model raises for these rows.
        """
        entry = Entry(rows, deadline, done)
        self._waiting.append(entry)
        if self._loop is None:
            self._loop = asyncio.get_running_loop().create_task(self._serve())
            self._loop.add_done_callback(self._ended)
        elif self._batching.max_delay_s and self._rows_waiting() >= self._batching.max_batch_size:
            self._is_full.set()
        return entry

    async def run(self, rows: Numbers, deadline: Deadline) -> Answers:
        """Compute rows; a caller that is cancelled waits no more.

        Raises:
            Exception: What `submit` tells.
        """
        answered: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()

        def done(result: Answers | Exception) -> None:
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
        """Whether it computes: it did not fail the last time, and no batch has taken longer than `patience_s`."""
        since = self._computing_since
        return not self._is_broken and (since is None or time.monotonic() - since <= patience_s)

    async def _serve(self) -> None:
        """Compute batch after batch, until nothing waits any more."""
        while True:
            await self._gather()
            if self._batching.max_delay_s:
                await self._fill()
            self._batch = self._next_batch()
            if not self._batch:
                self._loop = None  # at once: who comes next must start another
                return
            self._computing_since = time.monotonic()
            await self._compute(self._batch)
            self._computing_since, self._is_broken = None, False

    def _ended(self, loop: "asyncio.Task[None]") -> None:
        """Let nobody wait for a loop that broke; the next request starts another."""
        error = None if loop.cancelled() else loop.exception()
        if self._loop is loop:  # it did not end by itself
            if error is not None:
                _log.error("a batcher failed", exc_info=error)
            self._loop, self._computing_since, self._is_broken = None, None, True
            waiting = [*(entry for entry, _ in self._batch), *self._waiting]
            self._batch, self._waiting = [], []
            for entry in waiting:
                entry.end(InternalError("The service could not compute this; try again."))

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
        if self._waiting and self._rows_waiting() < self._batching.max_batch_size:
            first = min(entry.arrived for entry in self._waiting)
            left_s = first + self._batching.max_delay_s - time.monotonic()
            try:
                await asyncio.wait_for(self._is_full.wait(), max(0.0, left_s))
            except TimeoutError:
                return

    def _rows_waiting(self) -> int:
        return sum(entry.left for entry in self._waiting if entry.is_open)

    def _next_batch(self) -> _Batch:
        """Take the next rows off those who wait; who left, or is too late, is dropped."""
        now = time.monotonic()
        staying = []
        for entry in self._waiting:
            if entry.deadline.is_over(now):
                entry.end(entry.deadline.exceeded())
            if entry.is_open:
                staying.append(entry)
        counts = _shares([entry.left for entry in staying], self._batching.max_batch_size)
        batch = [(entry, entry.take(count)) for entry, count in zip(staying, counts, strict=True) if count]
        begun = [entry for entry, _ in batch if entry.left]  # to the end of the queue: large requests take turns
        self._waiting = [entry for entry, count in zip(staying, counts, strict=True) if not count] + begun
        return batch

    async def _compute(self, batch: _Batch) -> None:
        """Answer everybody in a batch; where it fails, compute each request's rows apart, so that none harms others."""
        rows = batch[0][1] if len(batch) == 1 else np.concatenate([rows for _, rows in batch])
        try:
            answers = await self._call_model(rows)
        except Exception as error:
            if len(batch) == 1:
                batch[0][0].end(error)
            else:
                for part in batch:
                    await self._compute([part])
            return
        if len(answers) != len(rows):
            raise ValueError(f"the model gave {len(answers)} answers for {len(rows)} rows")
        start = 0
        for entry, own in batch:
            entry.answer(answers[start : start + len(own)])
            start += len(own)

    async def _call_model(self, rows: Numbers) -> Numbers:
        if len(rows) > self.inline_rows:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._call, rows)
        if self._waiting:
            await asyncio.sleep(0)  # let the event loop do other things between two batches
        return self._call(rows)


def _seconds(call: Call, batch: Numbers) -> float:
    """How much processor time a call takes at its best."""
    times = []
    for _ in range(_WARM_UP_CALLS):
        began = time.thread_time()
        call(batch)
        times.append(time.thread_time() - began)
    return min(times)


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """How many rows of each request a batch of `room` takes.

    A request that wants no more than its equal share gets it. What that leaves goes to the others one after the other,
    whole where it can: answered in turn, they keep model and clients busy at once, and their rows are not copied.
    """
    if sum(wanted) <= room:
        return list(wanted)
    share = max(1, room // len(wanted))
    counts = []
    for want in wanted:
        counts.append(min(want, share, room))
        room -= counts[-1]
    large = [index for index, want in enumerate(wanted) if want > share]
    room += sum(counts[index] for index in large)
    for index in large:
        counts[index] = min(wanted[index], room)
        room -= counts[index]
    return counts
