"""A run of a map as its followers see it: always the latest, at their own speed, and nobody through another."""

import asyncio

import pytest

from service.errors import MapFailed
from service.map_run import MapRun
from service.maps import MapAnswer, MapProgress

ANSWER = MapAnswer({}, None)


def progress(iteration: int) -> MapProgress:
    return MapProgress("latent", "refinement", iteration, 750, 1.0, 0.1 * iteration, 1.0, None)


def begun() -> tuple[MapRun, "asyncio.Future[MapAnswer]"]:
    run, answer = MapRun(), asyncio.get_running_loop().create_future()
    run.begin(answer)
    return run, answer


def test_who_looks_seldom_sees_the_latest_and_nothing_piles_up() -> None:
    async def scenario() -> None:
        run, _ = begun()
        for iteration in range(1000):
            run.hear(progress(iteration))
        seen = await run.news(None, 60)
        assert seen == progress(999)
        assert await run.news(seen, 0.01) is None

    asyncio.run(scenario())


def test_news_wake_all_who_wait() -> None:
    async def scenario() -> None:
        run, answer = begun()
        waiting = [asyncio.create_task(run.news(None, 60)) for _ in range(3)]
        await asyncio.sleep(0)
        run.hear(progress(1))
        assert await asyncio.gather(*waiting) == [progress(1)] * 3
        waiting = [asyncio.create_task(run.news(progress(1), 60)) for _ in range(3)]
        answer.set_result(ANSWER)
        await asyncio.gather(*waiting)
        assert run.is_over

    asyncio.run(scenario())


def test_who_leaves_takes_the_answer_from_nobody() -> None:
    async def scenario() -> None:
        run, answer = begun()
        leaving, staying = (asyncio.create_task(run.answer()) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        answer.set_result(ANSWER)
        assert await staying is ANSWER
        assert leaving.cancelled()

    asyncio.run(scenario())


def test_a_failure_is_told_to_all() -> None:
    async def scenario() -> None:
        run, answer = begun()
        answer.set_exception(MapFailed("It ended early."))
        for _ in range(2):
            with pytest.raises(MapFailed):
                await run.answer()

    asyncio.run(scenario())


def test_a_known_map_is_over_at_once() -> None:
    async def scenario() -> None:
        run = MapRun.known(ANSWER)
        assert run.is_over
        assert await run.news(None, 60) is None
        assert await run.answer() is ANSWER

    asyncio.run(scenario())
