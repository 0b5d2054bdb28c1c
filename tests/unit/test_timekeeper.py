"""A block ends in time, or with its client, and is cancelled by nobody else's mistake."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message

from service.timekeeper import Block, Timekeeper

FAR = 60.0
SOON = 0.05


def run(scenario: Callable[[Timekeeper], Awaitable[Any]]) -> Any:
    async def life() -> Any:
        return await asyncio.wait_for(scenario(Timekeeper()), FAR)

    return asyncio.run(life())


async def until(claim: Callable[[], bool]) -> None:
    """Wait until something holds; `run` bounds it."""
    while not claim():
        await asyncio.sleep(0.001)


def after(seconds: float) -> float:
    return time.monotonic() + seconds


class Client:
    """Sends messages, and leaves when it is told to."""

    def __init__(self, *messages: Message) -> None:
        self._messages = [*messages]
        self.leaves = asyncio.Event()
        self.is_watched = False

    async def __call__(self) -> Message:
        self.is_watched = True
        if self._messages:
            return self._messages.pop(0)
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def leave_when_watched(self) -> None:
        await until(lambda: self.is_watched)
        self.leaves.set()
        await asyncio.Event().wait()


class Looks:
    """Counts how often it is looked at."""

    count = 0

    def look(self, _: float) -> None:
        self.count += 1


def test_a_block_past_its_end_is_cancelled_and_raises_timeout_error() -> None:
    async def scenario(keeper: Timekeeper) -> None:
        task, began = asyncio.current_task(), time.monotonic()
        assert task is not None
        with pytest.raises(TimeoutError), keeper.block(after(SOON)) as block:
            await asyncio.Event().wait()
        assert SOON <= time.monotonic() - began < FAR / 2
        assert not block.has_left
        assert task.cancelling() == 0
        await asyncio.sleep(0)  # and nothing comes later

    run(scenario)


def test_a_block_that_ends_in_time_is_untouched() -> None:
    async def scenario(keeper: Timekeeper) -> str:
        with keeper.block(after(SOON)):
            await asyncio.sleep(0)
        others = Looks()
        keeper.add(others)
        end = after(2 * SOON)
        await until(lambda: time.monotonic() > end and others.count > 0)
        keeper.remove(others)
        return "untouched"

    assert run(scenario) == "untouched"


def test_an_error_in_a_block_comes_out_as_it_is() -> None:
    async def scenario(keeper: Timekeeper) -> None:
        with keeper.block(after(FAR)):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(scenario)


def test_an_error_in_place_of_the_cancellation_comes_out_as_it_is() -> None:
    async def scenario(keeper: Timekeeper) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            with keeper.block(after(SOON)):
                try:
                    await asyncio.Event().wait()
                finally:
                    raise ZeroDivisionError
        finally:
            assert task.cancelling() == 0

    with pytest.raises(ZeroDivisionError):
        run(scenario)


@pytest.mark.parametrize("is_over", [False, True])
def test_a_cancellation_from_outside_stays_one(is_over: bool) -> None:
    """Also where the block ends at the same moment."""
    ends: list[type[BaseException]] = []

    async def scenario(keeper: Timekeeper) -> None:
        block, begun = keeper.block(after(FAR)), asyncio.Event()

        async def inner() -> None:
            try:
                with block:
                    begun.set()
                    await asyncio.Event().wait()
            except BaseException as error:
                ends.append(type(error))
                raise

        task = asyncio.create_task(inner())
        await begun.wait()
        if is_over:
            block.look(math.inf)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(scenario)
    assert ends == [asyncio.CancelledError]


def test_only_the_block_whose_end_has_come_raises() -> None:
    async def scenario(keeper: Timekeeper) -> str:
        with keeper.block(after(FAR)):
            with pytest.raises(TimeoutError), keeper.block(after(SOON)):
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            return "the outer block goes on"

    assert run(scenario) == "the outer block goes on"


def test_a_client_that_leaves_ends_its_block() -> None:
    async def scenario(keeper: Timekeeper) -> None:
        client = Client({"type": "http.request"})
        with pytest.raises(TimeoutError), keeper.block(after(FAR), client) as block:
            await client.leave_when_watched()
        assert block.has_left

    run(scenario)


def test_a_client_is_not_watched_any_more_once_its_block_has_ended() -> None:
    async def scenario(keeper: Timekeeper) -> str:
        client, before = Client(), len(asyncio.all_tasks())
        with keeper.block(after(FAR), client) as block:
            await until(lambda: client.is_watched)
        client.leaves.set()
        for _ in range(5):  # turns of the event loop
            await asyncio.sleep(0)
        assert not block.has_left
        assert len(asyncio.all_tasks()) == before
        return "goes on"

    assert run(scenario) == "goes on"


@pytest.mark.parametrize("looks_before", [0, 20])
def test_a_client_is_watched_from_when_its_block_is_told_to(looks_before: int) -> None:
    """However long that took: a body may come slowly, and its client leave later."""

    async def scenario(keeper: Timekeeper) -> None:
        client, looks = Client(), Looks()

        async def leave_late(block: Block) -> None:
            await until(lambda: looks.count >= looks_before)
            assert not client.is_watched
            block.watch(after(FAR / 2), client)
            await client.leave_when_watched()

        keeper.add(looks)
        with pytest.raises(TimeoutError), keeper.block(after(FAR)) as block:
            await leave_late(block)
        keeper.remove(looks)
        assert block.has_left

    run(scenario)


def test_a_block_ends_at_the_end_that_was_set_last() -> None:
    async def scenario(keeper: Timekeeper) -> None:
        sooner = keeper.block(after(FAR))
        sooner.watch(after(SOON), None)
        with pytest.raises(TimeoutError), sooner:
            await asyncio.Event().wait()
        with keeper.block(after(SOON)) as block:
            block.watch(after(FAR), None)
            end = after(2 * SOON)
            await until(lambda: time.monotonic() > end)

    run(scenario)


def test_everything_under_way_is_looked_at_until_it_is_removed() -> None:
    async def scenario(keeper: Timekeeper) -> None:
        first, second = Looks(), Looks()
        keeper.add(first)
        keeper.add(second)
        await until(lambda: min(first.count, second.count) >= 2)
        keeper.remove(first)
        seen = first.count, second.count
        await until(lambda: second.count >= seen[1] + 2)
        assert first.count == seen[0]
        keeper.remove(second)

    run(scenario)


def test_one_that_cannot_be_looked_at_stops_nobody_s_time(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Looks):
        def look(self, now: float) -> None:
            super().look(now)
            raise ZeroDivisionError

    async def scenario(keeper: Timekeeper) -> None:
        looks = [Looks(), Failing(), Looks(), Failing(), Looks()]
        for one in looks:
            keeper.add(one)
        await until(lambda: min(one.count for one in looks) >= 3)
        for one in looks:
            keeper.remove(one)

    run(scenario)
    assert "could not be looked at" in caplog.text


def test_nothing_is_looked_at_once_nothing_is_under_way_and_again_when_something_is() -> None:
    async def scenario(keeper: Timekeeper) -> None:
        assert keeper._timer is None
        for _ in range(2):
            looks = Looks()
            keeper.add(looks)
            assert keeper._timer is not None
            await until(lambda looks=looks: looks.count > 0)
            keeper.remove(looks)
            await until(lambda: keeper._timer is None)

    run(scenario)
