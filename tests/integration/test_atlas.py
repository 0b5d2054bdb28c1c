"""The atlas with real processes: who asks for the same shares it, the last to leave stops it, and it is kept."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from service.atlas import Atlas
from service.errors import MapFailed, OutOfRange, Overloaded
from service.map_pool import MapPool
from service.maps import MapAnswer, MapJob
from tests.integration.test_map_pool import ENDLESS, MANY, OF_OTHERS, QUICK, begin, children, until, warm_pool

MEGABYTE = 2**20


@pytest.fixture(scope="module", autouse=True)
def _leave_others_out() -> None:
    OF_OTHERS.update(children())


@dataclass
class Order:
    """A job that needs no preparing, and whether it was let go of."""

    key: bytes
    job: MapJob
    was_let_go: bool = False

    @property
    def picture_key(self) -> bytes | None:
        return None if self.job.picture is None else self.key + self.job.picture.encode()

    def let_go(self) -> None:
        self.was_let_go = True

    async def maps_job(self) -> MapJob:
        return replace(self.job, picture=None)

    async def picture_job(self, given: MapAnswer) -> MapJob:
        return replace(self.job, spaces={}, given=given)


@dataclass
class Scene:
    """An atlas on a pool of one process, and what it counted."""

    pool: MapPool
    max_bytes: int = MEGABYTE
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.atlas = Atlas(self.pool, self.max_bytes, lambda origin: self.counted.update([origin]))

    def ask(self, key: bytes, job: MapJob) -> "asyncio.Task[MapAnswer]":
        return asyncio.create_task(self.atlas.answer(Order(key, job)))


@asynccontextmanager
async def scene(max_bytes: int = MEGABYTE, max_waiting: int = 1) -> AsyncIterator[Scene]:
    async with warm_pool(max_waiting=max_waiting) as pool:
        yield Scene(pool, max_bytes)


async def cancel(request: "asyncio.Task[MapAnswer]") -> None:
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)


def test_who_asks_for_the_same_at_a_time_shares_one_run_and_needs_no_place() -> None:
    async def scenario() -> None:
        async with scene(max_waiting=0) as one:
            requests = [one.ask(b"key", QUICK) for _ in range(5)]
            await until(lambda: one.pool.running == 1)
            with pytest.raises(Overloaded):
                await one.ask(b"another", QUICK)
            first, *others = await asyncio.gather(*requests)
            assert all(other is first for other in others)
            assert one.counted == {"computed": 1, "shared": 4}

    asyncio.run(scenario())


def test_a_run_stops_when_all_who_shared_it_have_left_and_not_before() -> None:
    async def scenario() -> None:
        async with scene() as one:
            before = children()
            first, second = one.ask(b"key", ENDLESS), one.ask(b"key", ENDLESS)
            await until(lambda: one.pool.running == 1)
            await cancel(first)
            joined = one.ask(b"key", ENDLESS)
            await asyncio.sleep(0)
            await cancel(second)
            assert one.pool.running == 1
            await cancel(joined)
            assert await until(lambda: one.pool.running == 0) < 1
            assert one.counted == {"computed": 1, "shared": 2}
            assert children() == before

    asyncio.run(scenario())


def test_who_comes_after_all_have_left_does_not_join_what_is_being_stopped() -> None:
    async def scenario() -> None:
        async with scene() as one:
            first = one.ask(b"key", ENDLESS)
            await until(lambda: one.pool.running == 1)
            await cancel(first)
            assert (await one.ask(b"key", QUICK)).maps
            assert one.counted == {"computed": 2}

    asyncio.run(scenario())


def test_who_joins_late_hears_the_latest_progress_at_once() -> None:
    async def scenario() -> None:
        async with scene() as one:
            with one.atlas.follow(Order(b"key", ENDLESS)) as run:
                [seen] = await run.news({}, 60)
                [later] = await run.news({"latent": seen}, 60)
                assert later.elapsed_s > seen.elapsed_s
                with one.atlas.follow(Order(b"key", ENDLESS)) as joined:
                    assert await asyncio.wait_for(joined.news({}, 60), 0.05)

    asyncio.run(scenario())


def test_silence_ends_after_the_pause_that_was_asked_for() -> None:
    async def scenario() -> None:
        async with scene() as one:
            busy = begin(one.pool, ENDLESS)
            with one.atlas.follow(Order(b"key", QUICK)) as run:
                assert not await run.news({}, 0.01)
                assert not run.is_over
                busy.cancel()
                assert (await run.answer()).maps
                assert run.is_over
                assert not await run.news({}, 60)

    asyncio.run(scenario())


def test_a_process_that_dies_costs_those_who_share_it_and_nothing_of_it_is_kept() -> None:
    async def scenario() -> None:
        async with scene() as one:
            [pid] = children()
            doomed = [one.ask(b"key", ENDLESS) for _ in range(2)]
            spared = one.ask(b"another", QUICK)
            await until(lambda: one.pool.running == 1)
            os.kill(pid, signal.SIGKILL)
            results = await asyncio.gather(*doomed, return_exceptions=True)
            assert [type(result) for result in results] == [MapFailed, MapFailed]
            assert (await spared).maps
            assert (await one.ask(b"key", QUICK)).maps

    asyncio.run(scenario())


def test_a_map_that_is_kept_is_neither_computed_again_nor_needs_a_place() -> None:
    async def scenario() -> None:
        async with scene(max_waiting=0) as one:
            answer = await one.ask(b"key", QUICK)
            busy = begin(one.pool, ENDLESS)
            assert await one.ask(b"key", QUICK) is answer
            await cancel(busy)
            assert one.counted == {"computed": 1, "kept": 1}

    asyncio.run(scenario())


def test_a_picture_is_drawn_from_the_map_that_is_kept() -> None:
    async def scenario() -> None:
        async with scene() as one:
            answer = await one.ask(b"key", QUICK)
            pictured = await one.ask(b"key", replace(QUICK, picture="png"))
            assert pictured.picture
            assert list(pictured.maps) == list(answer.maps)
            assert one.counted == {"computed": 1, "kept": 1, "drawn": 1}

    asyncio.run(scenario())


def test_a_picture_is_drawn_where_its_map_was_computed_though_no_more_may_wait() -> None:
    async def scenario() -> None:
        async with scene(max_waiting=0) as one:
            pictured = [one.ask(b"key", replace(QUICK, picture=kind)) for kind in ("png", "svg", "png")]
            assert all(answer.picture for answer in await asyncio.gather(*pictured))
            assert one.counted == {"computed": 1, "shared": 3, "drawn": 2}

    asyncio.run(scenario())


def test_what_was_asked_for_longest_ago_is_forgotten_beyond_the_bound() -> None:
    async def scenario() -> None:
        async with scene(max_bytes=2_000) as one:  # of one answer some 800, most of them coordinates
            for key in (b"a", b"b", b"a", b"c", b"a", b"b"):
                await one.ask(key, QUICK)
            assert one.counted == {"computed": 4, "kept": 2}

    asyncio.run(scenario())


def test_nothing_is_kept_where_nothing_may_be() -> None:
    async def scenario() -> None:
        async with scene(max_bytes=0) as one:
            for _ in range(2):
                assert (await one.ask(b"key", QUICK)).maps
            assert one.counted == {"computed": 2}

    asyncio.run(scenario())


def test_what_is_larger_than_the_bound_drives_nothing_out() -> None:
    async def scenario() -> None:
        async with scene(max_bytes=2_000) as one:
            await one.ask(b"small", QUICK)
            await one.ask(b"large", replace(QUICK, spaces={"latent": MANY}))
            await one.ask(b"small", QUICK)
            assert one.counted == {"computed": 2, "kept": 1}

    asyncio.run(scenario())


def test_points_are_prepared_once_for_all_who_ask_for_the_same_and_not_where_there_is_no_place() -> None:
    async def scenario() -> None:
        async with scene(max_waiting=0) as one:
            prepared = list[bytes]()

            class Counted(Order):
                async def maps_job(self) -> MapJob:
                    prepared.append(self.key)
                    await asyncio.sleep(0.01)
                    return await super().maps_job()

            orders = [Counted(b"key", QUICK) for _ in range(5)]
            refused = Counted(b"another", QUICK)
            answers = [asyncio.create_task(one.atlas.answer(order)) for order in orders]
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await one.atlas.answer(refused)
            await asyncio.gather(*answers)
            await one.atlas.answer(Counted(b"key", QUICK))
            assert prepared == [b"key"]
            assert [order.was_let_go for order in orders] == [False, True, True, True, True]

    asyncio.run(scenario())


def test_the_client_that_began_a_map_may_leave_while_its_points_are_prepared() -> None:
    async def scenario() -> None:
        async with scene() as one:
            may_go_on = asyncio.Event()

            class Slow(Order):
                async def maps_job(self) -> MapJob:
                    await may_go_on.wait()
                    return await super().maps_job()

            first, second = (asyncio.create_task(one.atlas.answer(Slow(b"key", QUICK))) for _ in range(2))
            await asyncio.sleep(0)
            await cancel(first)
            may_go_on.set()
            assert (await second).maps
            assert one.counted == {"computed": 1, "shared": 1}

    asyncio.run(scenario())


def test_what_cannot_be_prepared_is_refused_to_all_who_asked_for_it_and_leaves_its_place() -> None:
    async def scenario() -> None:
        async with scene(max_waiting=0) as one:

            class Refused(Order):
                async def maps_job(self) -> MapJob:
                    raise OutOfRange("too far")

            answers = [one.atlas.answer(Refused(b"key", QUICK)) for _ in range(2)]
            results = await asyncio.gather(*answers, return_exceptions=True)
            assert [type(result) for result in results] == [OutOfRange, OutOfRange]
            with pytest.raises(OutOfRange), one.atlas.follow(Refused(b"key", QUICK)) as run:
                await run.prepared()
            assert (await one.ask(b"key", QUICK)).maps

    asyncio.run(scenario())
