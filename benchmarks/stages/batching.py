"""Batch: what gathering requests costs, with a model that costs nothing."""

from collections.abc import Callable, Iterator

from benchmarks.stages.scene import Scene
from benchmarks.stages.stage import WALL, Stage
from benchmarks.stages.waves import Waves
from service.batcher import Batcher, Batching
from service.deadline import Deadline
from service.waiting import Answers

GROUP = "batch"
AT_ONCE = (1, 64)


def stages(scene: Scene) -> Iterator[Stage]:
    """Requests of one image that wait at once: computed on the event loop, and one in the thread of the models."""
    for count in AT_ONCE:
        waves = _waves(scene, count, inline_rows=count)
        yield Stage(GROUP, f"{count} waiting", _work(scene, waves), units=count)
    waves = _waves(scene, 1, inline_rows=0)
    yield Stage(GROUP, "1 waiting, by way of a thread (wall)", _work(scene, waves), clock=WALL)


def _waves(scene: Scene, count: int, inline_rows: int) -> Waves:
    pool, rows, deadline = scene.parts.workers.model, scene.pixels[:1], Deadline.after(86_400)
    batcher = Batcher(lambda batch: batch, pool, Batching(scene.parts.settings.max_batch_size), inline_rows)

    def begin(answered: Callable[[], None]) -> None:
        def done(result: Answers | Exception) -> None:
            if isinstance(result, Exception):
                raise SystemExit(f"a batcher failed: {result!r}")
            answered()

        batcher.submit(rows, deadline, done)

    return Waves(count, begin)


def _work(scene: Scene, waves: Waves) -> Callable[[int], object]:
    return lambda times: scene.runner.run(waves.run(times))
