"""What a map process says of a job while it does it: as often as people can see, and with the time that is left."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.maps import MapJob, MapProgress, Space

if TYPE_CHECKING:
    from service.tsne import Progress

_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_MOST_SHARE = 0.05
"""Of the time of a job, for telling of it: the divergence costs about as much as a step does."""


@dataclass
class _Course:
    """What is known of how one space comes along, in seconds."""

    next_telling: float
    heard: float | None = None
    """When it was heard of last; None where it waits for others."""
    steps_began: float | None = None
    end: float | None = None
    """When it should be laid out, by its mean step so far."""
    is_laid_out: bool = False


class Pace:
    """Takes the engine's progress, passes some of it on, and says whether to stop."""

    def __init__(self, job: MapJob, is_stopped: Callable[[], bool], send: Callable[[MapProgress], None]) -> None:
        """Begin, and say so."""
        self._is_stopped, self._send = is_stopped, send
        self._began = self._heard = time.monotonic()
        self._courses = {space: _Course(self._began + _PAUSE_S) for space in job.spaces}
        for space in job.spaces:
            send(MapProgress(space, "neighbours", 0, job.iterations, None, 0.0, None, None))

    def __call__(self, space: Space, progress: "Progress") -> bool:
        """Hear of one space's progress -> whether the job shall stop."""
        now, course = time.monotonic(), self._courses[space]
        if progress.phase in {"exaggeration", "refinement"}:
            if course.steps_began is None:
                course.steps_began = self._heard if course.heard is None else course.heard
            step_s = (now - course.steps_began) / progress.iteration
            course.end = now + step_s * (progress.iterations - progress.iteration)
        course.heard = self._heard = now
        if progress.phase == "measuring" and not course.is_laid_out:
            course.is_laid_out, course.next_telling = True, now  # which nobody should wait to hear
        if now >= course.next_telling:
            self._send(self._describe(space, progress, now))
            told = time.monotonic()
            course.next_telling = now + min(max(_PAUSE_S, (told - now) / _MOST_SHARE), _LONGEST_PAUSE_S)
        return self._is_stopped()

    def _describe(self, space: Space, progress: "Progress", now: float) -> MapProgress:
        return MapProgress(
            space, progress.phase, progress.iteration, progress.iterations, progress.kl_divergence,
            round(now - self._began, 3), self._remaining_s(now), progress.coordinates,
        )  # fmt: skip

    def _remaining_s(self, now: float) -> float | None:
        """Until all are laid out: those that wait as long as those under way, of which none may look for neighbours."""
        ends = [course.end for course in self._courses.values() if course.heard is not None]
        known = [end for end in ends if end is not None]
        if len(known) < len(ends):
            return None
        waiting = len(self._courses) - len(ends)
        return round(max(0.0, max(known) - now) + waiting * (max(known) - self._began), 3)
