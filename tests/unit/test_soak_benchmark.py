"""What the benchmarks of memory and workers compute of what they see."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.serving.growth import Memory, memory_of
from benchmarks.serving.mixture import errands
from benchmarks.serving.own import command, parent, rss_mb
from benchmarks.serving.pictures import Picture
from benchmarks.serving.results import Figures
from benchmarks.serving.soak import faults_of
from benchmarks.serving.workers import CHOSEN, SETTINGS, ratios

MINUTES = np.arange(180.0)


def test_memory_that_grows_steadily_grows_as_much_along_the_line() -> None:
    held = 100 + np.maximum(0, MINUTES - 60) / 10
    memory = memory_of(MINUTES.tolist(), held.tolist(), 60)
    assert memory.fitted_growth_percent == pytest.approx(11.9)
    assert memory.growth_percent == pytest.approx(100 * (111.45 / 100.45 - 1))
    assert memory.most_mb == pytest.approx(111.9)


def test_what_grows_before_memory_settles_does_not_count() -> None:
    held = np.where(MINUTES < 60, MINUTES, 200.0)
    memory = memory_of(MINUTES.tolist(), held.tolist(), 60)
    assert memory.growth_percent == pytest.approx(0)
    assert memory.fitted_growth_percent == pytest.approx(0)


def test_too_short_a_soak_says_so() -> None:
    with pytest.raises(ValueError, match="two samples"):
        memory_of([0, 1], [5, 5], 60)


@pytest.mark.parametrize(
    ("memory", "count"),
    [
        (Memory(300, 300, 399.9, 1.9, 1.9), 0),
        (Memory(300, 306, 310, 2.0, 0), 1),
        (Memory(300, 300, 310, 0, 2.0), 1),
        (Memory(390, 399, 400, 2.3, 0), 2),
    ],
)
def test_a_worker_may_neither_grow_nor_be_large(memory: Memory, count: int) -> None:
    assert len(faults_of(memory)) == count


def test_a_request_that_promises_more_than_it_sends_has_that_in_its_head() -> None:
    picture = Picture.of(np.zeros((28, 28), np.uint8))
    found = errands([picture] * 256, 6)
    assert len({errand.name for errand in found}) == len(found)
    for errand in found:
        promised = len(errand.body) if errand.length is None else errand.length
        head, _, body = errand.message().partition(b"\r\n\r\n")
        assert b"Content-Length: %d" % promised in head
        assert body == errand.body


def test_processes_are_told_apart_until_they_end() -> None:
    own = int(Path("/proc/self").resolve().name)
    assert "python" in command(own)
    assert rss_mb(own) > 10
    assert (parent(2**30), rss_mb(2**30), command(2**30)) == (0, 0, "")


def test_two_workers_are_compared_with_one_in_the_repeat_beside_them() -> None:
    def figures(*costs_us: float) -> list[Figures]:
        return [Figures(1, 1, 1, 1, 1, cost, 1, 1) for cost in costs_us]

    workload = CHOSEN[0]
    one, two, _ = SETTINGS
    ratio = ratios({(workload, one): figures(100, 200, 400), (workload, two): figures(150, 200, 500)}, workload, two)
    assert (ratio.median, ratio.least, ratio.most) == (1.25, 1, 1.5)
