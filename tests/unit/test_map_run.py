"""A run of a map as its followers see it: always the latest, at their own speed, and nobody through another."""

import asyncio

import pytest

from service.errors import MapFailed
from service.map_run import MapRun
from service.maps import MapAnswer, MapProgress, Space

ANSWER = MapAnswer({}, None)


def progress(iteration: int, space: Space = "latent") -> MapProgress:
    return MapProgress(space, "refinement", iteration, 750, 1.0, 0.1 * iteration, 1.0, None)


def begun() -> tuple[MapRun, "asyncio.Future[MapAnswer]"]:
    run, answer = MapRun(), asyncio.get_running_loop().create_future()
    run.begin(answer)
    return run, answer


def test_who_looks_seldom_sees_the_latest_and_nothing_piles_up() -> None:
    async def scenario() -> None:
        run, _ = begun()
        for iteration in range(1000):
            run.hear(progress(iteration))
        [seen] = await run.news({}, 60)
        assert seen == progress(999)
        assert not await run.news({"latent": seen}, 0.01)

    asyncio.run(scenario())


def test_the_latest_of_every_space_is_seen_in_order() -> None:
    async def scenario() -> None:
        run, _ = begun()
        for iteration in range(10):
            run.hear(progress(2 * iteration, "latent"))
            run.hear(progress(2 * iteration + 1, "image"))
        latent, image = await run.news({}, 60)
        assert [latent, image] == [progress(18, "latent"), progress(19, "image")]
        run.hear(progress(20, "latent"))
        assert await run.news({"latent": latent, "image": image}, 60) == [progress(20, "latent")]

    asyncio.run(scenario())


def test_news_wake_all_who_wait() -> None:
    async def scenario() -> None:
        run, answer = begun()
        waiting = [asyncio.create_task(run.news({}, 60)) for _ in range(3)]
        await asyncio.sleep(0)
        run.hear(one := progress(1))
        assert await asyncio.gather(*waiting) == [[one]] * 3
        waiting = [asyncio.create_task(run.news({"latent": one}, 60)) for _ in range(3)]
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
        assert not await run.news({}, 60)
        assert await run.answer() is ANSWER

    asyncio.run(scenario())
