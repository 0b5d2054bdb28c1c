"""What the service holds at once, bounded before any work: images of all requests, bytes of bodies and answers."""

import math
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from service.errors import Overloaded

_SMOOTHING = 0.1
"""Weight of the newest request in the mean time that a request takes."""


@dataclass
class Admission:
    """Counts images and bytes; one rule for single images and batches."""

    max_images: int
    max_bytes: int
    images: int = 0
    bytes: int = 0
    _typical_s: float = field(default=0.0, repr=False)

    def admit(self) -> "Ticket":
        """A ticket that holds the place of one image while it is entered, and more when the body is known.

        Raises:
            Overloaded: On entering, where the queue is full; `Retry-After` says when it should have room.
        """
        return Ticket(self)

    def hold_answer(self, count: int) -> None:
        """Count the bytes of an answer, less than none once the client has taken it."""
        self.bytes += count

    def note(self, seconds: float) -> None:
        """Learn how long an answered request was here."""
        self._typical_s += _SMOOTHING * (seconds - self._typical_s)

    def overloaded(self) -> Overloaded:
        """The refusal of a request for which there is no room: those inside need about as long as requests do."""
        wait_s = min(60, max(1, math.ceil(self._typical_s)))
        return Overloaded("The queue is full; try again later.", headers={"Retry-After": str(wait_s)})


@dataclass
class Ticket:
    """What one request holds of an `Admission`."""

    admission: Admission
    images: int = 0
    bytes: int = 0

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
        self.admission.images -= self.images
        self.admission.bytes -= self.bytes
        self.images = self.bytes = 0

    def hold_images(self, count: int) -> None:
        """Hold the places of `count` images in all.

        Raises:
            Overloaded: There are not as many left.
        """
        more = max(0, count - self.images)
        if self.admission.images + more > self.admission.max_images:
            raise self.admission.overloaded()
        self.admission.images += more
        self.images += more

    def hold_bytes(self, count: int) -> None:
        """Hold `count` more bytes.

        Raises:
            Overloaded: There are not as many left.
        """
        if self.admission.bytes + count > self.admission.max_bytes:
            raise self.admission.overloaded()
        self.admission.bytes += count
        self.bytes += count
