"""Timing stages, in microseconds and relative to pure Python.

Machines change their speed, some between two levels within a second, and differ from each other. So a loop of pure
Python is timed right before and right after each sample, with the same clock, and the sample is also given as a
multiple of ten steps of that loop, about a microsecond: this relative figure stays nearly the same where the machine
turns slower, and rises where the code does. A sample during which the loop's own time changed is taken again. What
waits for memory does not slow down quite as pure Python does, and threads that share the CPUs with others disturb a
wall time far more than a CPU time: relative figures of different machines are only roughly comparable.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving.summary import Spread
from benchmarks.stages.stage import Clock, Stage

_STEPS = 20_000
_TRIES = 4
_STEADY = 1.08
"""The most by which the calibration loops before and after a sample may differ."""


@dataclass(frozen=True)
class Sample:
    """One stage, once timed."""

    us: float
    """Microseconds a request or an image."""
    relative: float
    """The same, as a multiple of the time of ten steps of pure Python."""


@dataclass(frozen=True)
class Figure:
    """One stage over all repeats."""

    group: str
    name: str
    per: str
    us: Spread
    relative: Spread


def calibrate(clock: Clock) -> float:
    """Seconds for ten steps of pure Python: integers, a dictionary and a call of a built-in function."""
    known: dict[int, int] = {}
    value, began = 1, clock()
    for step in range(_STEPS):
        value = (value * 31 + step) & 0xFFFF
        known[value & 0xFF] = len(known)
    return max(clock() - began, 1e-9) * 10 / _STEPS


def times_for(stage: Stage, sample_s: float) -> int:
    """How many times the work must be done for a sample to last `sample_s` seconds; warms the stage up, too."""
    times = 1
    while True:
        began = stage.clock()
        stage.work(times)
        spent = stage.clock() - began
        if spent >= sample_s / 2:
            return max(1, round(times * sample_s / max(spent, 1e-9)))
        times *= 2


def take(stage: Stage, times: int) -> Sample:
    """Time a stage between two calibrations; again, a few times at most, if these differ."""
    for _ in range(_TRIES):
        before = calibrate(stage.clock)
        began = stage.clock()
        stage.work(times)
        spent = stage.clock() - began
        after = calibrate(stage.clock)
        if max(before, after) <= _STEADY * min(before, after):
            break
    each = spent / (times * stage.units)
    return Sample(each * 1e6, each / ((before + after) / 2))


def measure(stages: Sequence[Stage], repeats: int, sample_s: float) -> list[Figure]:
    """Time all stages in turn, and then again: medians with the least and the most of the repeats."""
    counts = [times_for(stage, sample_s) for stage in stages]
    samples: list[list[Sample]] = [[] for _ in stages]
    for _ in range(repeats):
        for stage, count, taken in zip(stages, counts, samples, strict=True):
            taken.append(take(stage, count))
    return [_figure(stage, taken) for stage, taken in zip(stages, samples, strict=True)]


def _figure(stage: Stage, samples: Sequence[Sample]) -> Figure:
    us, relative = (Spread.of([getattr(sample, name) for sample in samples]) for name in ("us", "relative"))
    return Figure(stage.group, stage.name, stage.per, us, relative)
