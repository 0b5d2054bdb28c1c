"""What a map process says of a job while it does it: as often as people can see, and with the time that is left."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from service.maps import MapJob, MapProgress, Space

if TYPE_CHECKING:
    from service.tsne import Progress

_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_MOST_SHARE = 0.05
"""Of the time of a job, for telling of it: the divergence costs about as much as a step does."""


class Pace:
    """Takes the engine's progress, passes some of it on, and says whether to stop."""

    def __init__(self, job: MapJob, is_stopped: Callable[[], bool], send: Callable[[MapProgress], None]) -> None:
        """Begin, and say so."""
        self._is_stopped, self._send = is_stopped, send
        self._began = self._space_began = self._heard = time.monotonic()
        self._steps_began: float | None = None
        self._next = self._began + _PAUSE_S
        self._space = next(iter(job.spaces), None)
        self._ahead = len(job.spaces) - 1
        """Spaces that follow."""
        if self._space is not None:
            send(MapProgress(self._space, "neighbours", 0, job.iterations, None, 0.0, None, None))

    def __call__(self, space: Space, progress: "Progress") -> bool:
        """Hear of one space's progress -> whether the job shall stop."""
        now = time.monotonic()
        if space != self._space:
            self._space, self._space_began, self._steps_began = space, self._heard, None
            self._ahead -= 1
            self._next = now  # every space is heard of, however quick it is
        if self._steps_began is None and progress.phase != "neighbours":
            self._steps_began = self._heard
        self._heard = now
        if now >= self._next:
            self._send(self._describe(space, progress, now))
            told = time.monotonic()
            self._next = now + min(max(_PAUSE_S, (told - now) / _MOST_SHARE), _LONGEST_PAUSE_S)
        return self._is_stopped()

    def _describe(self, space: Space, progress: "Progress", now: float) -> MapProgress:
        return MapProgress(
            space, progress.phase, progress.iteration, progress.iterations, progress.kl_divergence,
            round(now - self._began, 3), self._remaining_s(progress, now), progress.coordinates,
        )  # fmt: skip

    def _remaining_s(self, progress: "Progress", now: float) -> float | None:
        """By the mean step of this space so far; spaces that follow should take as long as this one."""
        if self._steps_began is None or progress.iteration == 0:
            return None
        step_s = (now - self._steps_began) / progress.iteration
        whole_s = self._steps_began - self._space_began + step_s * progress.iterations
        return round(step_s * (progress.iterations - progress.iteration) + self._ahead * whole_s, 3)
