"""A map process tells of its jobs now and then, says how long they still take, and hears when to stop."""

import numpy as np
import pytest

from service import map_pace
from service.map_pace import Pace
from service.maps import MapAnswer, MapJob, MapProgress, Phase, Space
from service.tsne import Progress

POINTS = np.zeros((4, 2), np.float32)
BOTH = MapJob({"image": POINTS, "latent": POINTS}, iterations=1000)


class Clock:
    """Time that passes when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(map_pace, "time", self)

    def monotonic(self) -> float:
        return self.now


class Told:
    """A job of two spaces as its process goes through it, and what that tells."""

    def __init__(self, clock: Clock, job: MapJob = BOTH) -> None:
        self.clock, self.is_stopped = clock, False
        self.reports: list[MapProgress] = []
        self._pace = Pace(job, lambda: self.is_stopped, self.reports.append)

    def at(self, seconds: float, space: Space, phase: Phase, iteration: int) -> bool:
        """Let it be so many seconds after the beginning, and the engine call back."""
        self.clock.now = 100 + seconds
        return self._pace(space, Progress(phase, iteration, 1000))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(Clock(monkeypatch))


def test_the_beginning_is_told_at_once(told: Told) -> None:
    assert told.reports == [
        MapProgress("image", "neighbours", 0, 1000, None, 0.0, None, None),
        MapProgress("latent", "neighbours", 0, 1000, None, 0.0, None, None),
    ]


def test_a_picture_of_known_maps_has_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Told(Clock(monkeypatch), MapJob({}, given=MapAnswer({}, None))).reports


def test_progress_of_each_space_is_told_ten_times_a_second_at_most(told: Told) -> None:
    for step in range(1, 201):
        told.at(step / 100 + 0.001, "image", "exaggeration", step)
        told.at(step / 100 + 0.002, "latent", "exaggeration", step)
    spaces = [report.space for report in told.reports[2:]]
    assert 18 <= spaces.count("image") <= 20
    assert 18 <= spaces.count("latent") <= 20


def test_telling_takes_a_small_share_of_the_time(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(report: MapProgress) -> None:
        told.reports.append(report)
        told.clock.now += 0.1

    monkeypatch.setattr(told._pace, "_send", send)
    for step in range(1, 601):
        told.at(step / 10 + 0.001, "image", "exaggeration", step)
    assert 25 <= len(told.reports) - 2 <= 31  # a minute, of which each takes 0.1 s


def test_a_telling_that_took_long_silences_no_space_for_long(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(report: MapProgress) -> None:
        told.reports.append(report)
        told.clock.now += 5

    monkeypatch.setattr(told._pace, "_send", send)
    told.at(1.0, "image", "exaggeration", 100)
    told.at(6.1, "latent", "exaggeration", 1)
    told.at(12.0, "image", "exaggeration", 200)
    assert [report.space for report in told.reports[2:]] == ["image", "latent", "image"]


def test_spaces_side_by_side_take_as_long_as_the_slower(told: Told) -> None:
    told.at(0.5, "latent", "neighbours", 0)
    told.at(0.6, "image", "neighbours", 0)
    told.at(1.5, "latent", "exaggeration", 100)
    assert told.reports[-1].remaining_s is None  # nothing is known of the other
    told.at(2.6, "image", "exaggeration", 100)
    assert told.reports[-1].remaining_s == pytest.approx(18)
    told.at(2.7, "latent", "exaggeration", 220)
    assert told.reports[-1].remaining_s == pytest.approx(17.9)


def test_spaces_in_turn_take_as_long_as_the_first(told: Told) -> None:
    told.at(1.0, "image", "neighbours", 0)
    assert told.reports[-1].remaining_s is None
    told.at(2.0, "image", "exaggeration", 100)  # 1 s of neighbours, then 100 steps a second
    assert told.reports[-1].remaining_s == pytest.approx(9 + 11)
    told.at(11.0, "image", "refinement", 1000)
    assert told.reports[-1].remaining_s == pytest.approx(0 + 11)
    told.at(12.0, "latent", "neighbours", 0)
    assert told.reports[-1].remaining_s is None
    told.at(13.0, "latent", "exaggeration", 200)
    assert told.reports[-1].remaining_s == pytest.approx(4)
    assert told.reports[-1].elapsed_s == 13


def test_each_call_says_whether_to_stop(told: Told) -> None:
    assert not told.at(0.01, "image", "neighbours", 0)
    told.is_stopped = True
    assert told.at(0.02, "image", "neighbours", 0)
