"""How much memory a process holds over time, and whether that grows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WINDOW_S = 10.0


@dataclass(frozen=True)
class Memory:
    """The resident memory of one process under load, in MB, and its growth once it had settled, in percent."""

    settled_mb: float
    """Median of the first window after `settle_s`."""
    end_mb: float
    """Median of the last window."""
    most_mb: float
    growth_percent: float
    """From `settled_mb` to `end_mb`."""
    fitted_growth_percent: float
    """Along a straight line through all samples after `settle_s`."""


def memory_of(seconds: Sequence[float], samples_mb: Sequence[float], settle_s: float) -> Memory:
    """Summarise samples, at seconds since the load began; some must lie after `settle_s`."""
    at, held = np.asarray(seconds), np.asarray(samples_mb)
    settled = at >= settle_s
    if settled.sum() < 2:
        raise ValueError("there are not two samples after the time in which memory settles")
    first = float(np.median(held[settled & (at < settle_s + WINDOW_S)]))
    last = float(np.median(held[at > at[-1] - WINDOW_S]))
    slope, start = np.polyfit(at[settled] - settle_s, held[settled], 1)
    fitted = float(slope) * float(at[-1] - settle_s) / float(start)
    return Memory(first, last, float(held.max()), 100 * (last / first - 1), 100 * fitted)
