"""Batches are computed in turns, in order, on one thread, and not at all once it is too late."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from service.deadline import Deadline
from service.errors import DeadlineExceeded
from service.workers import Numbers, Workers

ROWS = np.arange(10, dtype=np.float32)[:, None]
FAR = 60.0


def run_with_workers(max_batch_size: int, scenario: Callable[[Workers], Awaitable[Any]]) -> Any:
    async def life() -> Any:
        workers = Workers(max_batch_size, codec_threads=1)
        try:
            return await scenario(workers)
        finally:
            workers.close()

    return asyncio.run(life())


@pytest.mark.parametrize(("size", "turns"), [(1, [1] * 10), (4, [4, 4, 2]), (5, [5, 5]), (10, [10]), (256, [10])])
def test_a_batch_is_computed_in_turns_and_answered_in_order(size: int, turns: list[int]) -> None:
    seen: list[int] = []

    def call(batch: Numbers) -> Numbers:
        seen.append(len(batch))
        return batch * 2

    answer = run_with_workers(size, lambda workers: workers.compute(call, ROWS, Deadline.after(FAR)))
    assert seen == turns
    np.testing.assert_array_equal(answer, ROWS * 2)


def test_a_small_request_waits_for_one_turn_of_a_large_one() -> None:
    order: list[str] = []
    first_turn, small_is_waiting = threading.Event(), threading.Event()

    def large(batch: Numbers) -> Numbers:
        first_turn.set()
        small_is_waiting.wait(FAR)
        order.append("large")
        return batch

    def small(batch: Numbers) -> Numbers:
        order.append("small")
        return batch

    async def scenario(workers: Workers) -> None:
        large_one = asyncio.create_task(workers.compute(large, ROWS, Deadline.after(FAR)))
        await asyncio.to_thread(first_turn.wait, FAR)
        small_one = asyncio.create_task(workers.compute(small, ROWS[:1], Deadline.after(FAR)))
        await asyncio.sleep(0)  # so that it is queued
        small_is_waiting.set()
        await asyncio.gather(large_one, small_one)

    run_with_workers(2, scenario)
    assert order == ["large", "small", "large", "large", "large", "large"]


def test_models_compute_on_one_thread_apart_from_those_of_images() -> None:
    threads: dict[str, set[str]] = {"model": set(), "codec": set()}

    def call(batch: Numbers) -> Numbers:
        threads["model"].add(threading.current_thread().name)
        return batch

    async def scenario(workers: Workers) -> None:
        await asyncio.gather(*(workers.compute(call, ROWS, Deadline.after(FAR)) for _ in range(20)))
        threads["codec"].add(await workers.run(lambda: threading.current_thread().name))

    run_with_workers(3, scenario)
    assert len(threads["model"]) == 1
    assert threads["model"].isdisjoint(threads["codec"])


def test_what_has_expired_is_not_computed() -> None:
    computed: list[Numbers] = []

    def call(batch: Numbers) -> Numbers:
        computed.append(batch)
        return batch

    with pytest.raises(DeadlineExceeded):
        run_with_workers(5, lambda workers: workers.compute(call, ROWS, Deadline.after(-1)))
    assert not computed


def test_an_expired_batch_ends_between_two_turns() -> None:
    over, computed = threading.Event(), list[Numbers]()

    class Until(Deadline):
        def check(self) -> None:
            if over.is_set():
                raise self.exceeded()

    def call(batch: Numbers) -> Numbers:
        computed.append(batch)
        over.set()
        return batch

    with pytest.raises(DeadlineExceeded):
        run_with_workers(5, lambda workers: workers.compute(call, ROWS, Until.after(FAR)))
    assert len(computed) == 1


def test_an_error_reaches_who_asked_and_the_thread_lives_on() -> None:
    def broken(_: Numbers) -> Numbers:
        raise ValueError("wrong")

    async def scenario(workers: Workers) -> Numbers:
        with pytest.raises(ValueError, match="wrong"):
            await workers.compute(broken, ROWS, Deadline.after(FAR))
        return await workers.compute(np.negative, ROWS, Deadline.after(FAR))

    np.testing.assert_array_equal(run_with_workers(4, scenario), -ROWS)


def test_what_waits_when_the_workers_close_is_dropped() -> None:
    begun, go_on, computed = threading.Event(), threading.Event(), list[str]()

    def call(batch: Numbers) -> Numbers:
        computed.append("turn")
        begun.set()
        go_on.wait(FAR)
        return batch

    async def scenario(workers: Workers) -> None:
        requests = [asyncio.create_task(workers.compute(call, ROWS, Deadline.after(FAR))) for _ in range(3)]
        await asyncio.to_thread(begun.wait, FAR)
        workers.close()
        go_on.set()
        await asyncio.wait(requests)

    run_with_workers(10, scenario)
    assert computed == ["turn"]
