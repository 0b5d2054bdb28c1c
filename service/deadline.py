"""The moment by which a request must be answered, for loops in threads, which nothing else can stop."""

import time
from dataclasses import dataclass

from service.errors import DeadlineExceeded


@dataclass(slots=True)
class Deadline:
    """A moment on the monotonic clock, or earlier when nobody waits for the answer any more."""

    timeout_s: float
    at: float
    is_abandoned: bool = False

    @classmethod
    def after(cls, timeout_s: float) -> "Deadline":
        """The moment `timeout_s` seconds from now."""
        return cls(timeout_s, time.monotonic() + timeout_s)

    @property
    def remaining_s(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self.at - time.monotonic())

    def abandon(self) -> None:
        """Let every further `check` fail: the client left, or was refused."""
        self.is_abandoned = True

    def exceeded(self) -> DeadlineExceeded:
        """The refusal that says so."""
        return DeadlineExceeded(f"The answer was not ready within {self.timeout_s:g} s; ask for less at once.")

    def is_over(self, now: float) -> bool:
        """Whether nobody waits for the answer any more; `now` is of the monotonic clock."""
        return self.is_abandoned or now > self.at

    def check(self) -> None:
        """Raise `DeadlineExceeded` once the moment has passed."""
        if self.is_over(time.monotonic()):
            raise self.exceeded()
