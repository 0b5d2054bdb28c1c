"""What waits to be computed: the rows of each request, those of them in a batch, and how a batch is shared out."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.arrays import BytePixels
from service.deadline import Deadline

_log = logging.getLogger("hourglass.batcher")

Numbers: TypeAlias = NDArray[np.float32]
"""A batch of anything that a model takes or gives: the first axis counts."""
Rows: TypeAlias = Numbers | BytePixels
"""What one request asks to be computed."""
Answers: TypeAlias = list[Numbers]
"""The answers for the rows of one request, in order: a part from each batch that held some of them."""
Done: TypeAlias = Callable[[Answers | Exception], None]
"""Called once, with the answers or with why there are none."""

_NO_ROWS: Numbers = np.empty((0, 0), np.float32)


class Entry:
    """The rows of one request, how many of them went into batches, and the answers so far."""

    __slots__ = ("_answers", "_count", "_done", "_rows", "_unanswered", "arrived", "deadline", "taken")

    def __init__(self, rows: Rows, deadline: Deadline, done: Done) -> None:
        self._rows, self.deadline, self.arrived = rows, deadline, time.monotonic()
        self.taken = 0
        self._count = self._unanswered = len(rows)
        self._answers: dict[int, Numbers] = {}
        self._done: Done | None = done

    def is_wanted(self, now: float) -> bool:
        """Whether anybody still waits; who has waited for too long is told so."""
        if self.deadline.is_over(now):
            self.end(self.deadline.exceeded())
        return self._done is not None

    @property
    def left(self) -> int:
        """Rows that are in no batch yet."""
        return self._count - self.taken

    def take(self, count: int) -> "Part":
        """The next rows."""
        start, self.taken = self.taken, self.taken + count
        return Part(self, start, self._rows if count == self._count else self._rows[start : self.taken])

    def answer(self, start: int, answers: Numbers) -> None:
        """Add the answers for the rows that were taken from `start` on: other batches may be done sooner."""
        if len(answers) == self._count:
            self.end([answers])
            return
        self._answers[start] = answers
        self._unanswered -= len(answers)
        if not self._unanswered:
            self.end([self._answers[start] for start in sorted(self._answers)])

    def end(self, result: Answers | Exception) -> None:
        """Hand over the result, unless nobody waits any more; what becomes of it there harms no neighbour."""
        if (done := self._done) is not None:
            self._done = None
            try:
                done(result)
            except Exception:
                _log.exception("a request could not take what was computed for it")

    def drop(self) -> None:
        """Wait no more: what is not computed yet will not be, and is let go of."""
        self._done = None
        self._rows = _NO_ROWS
        self._answers.clear()


class Part(NamedTuple):
    """The rows of one request that are in a batch, from `start` on."""

    entry: Entry
    start: int
    rows: Rows


def share_out(wanted: Sequence[int], room: int) -> list[int]:
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
