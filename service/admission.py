"""What the service holds at once, bounded before any work: images of all requests, bytes of bodies and answers.

The bounds are those of all workers together. A worker looks at the total and then takes, with no lock between: where
others take at the same moment, the total can come to lie above the bound, by one request of each of them at most.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from service.errors import Overloaded
from service.ledger import Ledger

_SMOOTHING = 0.1
"""Weight of the newest request in the mean time that a request takes."""


@dataclass
class Admission:
    """Counts images and bytes; one rule for single images and batches."""

    max_images: int
    max_bytes: int
    ledger: Ledger = field(default_factory=Ledger)
    _typical_s: float = field(default=0.0, repr=False)

    @property
    def images(self) -> int:
        """Images that all workers hold."""
        return self.ledger.images.total

    @property
    def bytes(self) -> int:
        """Bytes that all workers hold."""
        return self.ledger.bytes.total

    def admit(self) -> "Ticket":
        """A ticket that holds the place of one image while it is entered, and more when the body is known.

        Raises:
            Overloaded: On entering, where the queue is full; `Retry-After` says when it should have room.
        """
        return Ticket(self)

    def hold_answer(self, count: int) -> None:
        """Count the bytes of an answer, less than none once the client has taken it."""
        self.ledger.bytes.add(count)

    @contextmanager
    def keep(self, count: int) -> Iterator[None]:
        """Count bytes that a request keeps while it waits for what is no longer in the queue."""
        self.ledger.bytes.add(count)
        try:
            yield
        finally:
            self.ledger.bytes.add(-count)

    def note(self, seconds: float) -> None:
        """Learn how long an answered request was here."""
        self._typical_s += _SMOOTHING * (seconds - self._typical_s)

    def overloaded(self) -> Overloaded:
        """The refusal of a request for which there is no room: those inside need about as long as requests do."""
        wait_s = min(60, max(1, math.ceil(self._typical_s)))
        return Overloaded("The queue is full; try again later.", headers={"Retry-After": str(wait_s)})


@dataclass(slots=True)
class Ticket:
    """What one request holds of an `Admission`."""

    admission: Admission
    images: int = 0
    bytes: int = 0
    _started: float = field(default=0.0, init=False, repr=False)

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self.hold_images(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.note()
        self.release()

    def note(self) -> None:
        """Let the admission learn how long a request took that was answered."""
        self.admission.note(time.monotonic() - self._started)

    def release(self) -> None:
        """Give everything back."""
        self.admission.ledger.images.add(-self.images)
        self.admission.ledger.bytes.add(-self.bytes)
        self.images = self.bytes = 0

    def hold_images(self, count: int) -> None:
        """Hold the places of `count` images in all.

        Raises:
            Overloaded: There are not as many left.
        """
        more = count - self.images
        if more <= 0:
            return
        account = self.admission.ledger.images
        if account.total + more > self.admission.max_images:
            raise self.admission.overloaded()
        account.add(more)
        self.images += more

    def hold_bytes(self, count: int) -> None:
        """Hold `count` more bytes.

        Raises:
            Overloaded: There are not as many left.
        """
        account = self.admission.ledger.bytes
        if account.total + count > self.admission.max_bytes:
            raise self.admission.overloaded()
        account.add(count)
        self.bytes += count
