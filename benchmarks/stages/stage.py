"""One stage of a request's way, as something that can be timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Seconds."""
CPU: Clock = time.process_time
WALL: Clock = time.perf_counter


@dataclass(frozen=True)
class Stage:
    """Work that is the same each time."""

    group: str
    name: str
    work: Callable[[int], object]
    """Does it so many times."""
    per: str = "request"
    """What the figures are given for: a request, or an image."""
    units: int = 1
    """How many of these one time is."""
    clock: Clock = CPU
    """CPU time of this process where one thread does the work; wall time where threads wait for each other."""


def repeated(call: Callable[[], object]) -> Callable[[int], object]:
    """Work that is one call, so many times."""

    def work(times: int) -> None:
        for _ in range(times):
            call()

    return work
