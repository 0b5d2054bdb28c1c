"""Batches grow of what waits, every request gets its own answers, and none waits for long behind a large one."""

import asyncio
import gc
import random
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.batcher import Batcher, Batching, Call
from service.deadline import Deadline
from service.errors import DeadlineExceeded, InternalError
from service.waiting import Answers, Numbers, share_out

FAR = 60.0
LARGE = 10_000
MAIN_THREAD = threading.main_thread().name


def rows(first: int, count: int = 1) -> Numbers:
    """Rows that there are once: each holds its own number."""
    return np.arange(first, first + count, dtype=np.float32)[:, None]


class Model:
    """Adds a half to every number, while its gate is open; notes the batches, and the threads that brought them."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.batches: list[list[float]] = []
        self.threads: list[str] = []
        self.gate = threading.Event()
        if is_open:
            self.gate.set()

    def __call__(self, batch: Numbers) -> Numbers:
        self.batches.append(batch[:, 0].tolist())
        self.threads.append(threading.current_thread().name)
        assert self.gate.wait(FAR)
        return batch + np.float32(0.5)

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]


def run(
    scenario: Callable[[Batcher], Awaitable[Any]],
    call: Call,
    *,
    max_batch_size: int = 4,
    max_delay_s: float = 0.0,
    inline_rows: int = 0,
    kind: type[Batcher] = Batcher,
    threads: int = 1,
    at_hand: int = 0,
) -> Any:
    """Live through a scenario with a batcher of one's own."""

    async def life() -> Any:
        with ThreadPoolExecutor(threads, "model") as pool:
            batcher = kind(call, pool, Batching(max_batch_size, max_delay_s), inline_rows, threads + at_hand)
            return await asyncio.wait_for(scenario(batcher), FAR)

    return asyncio.run(life())


async def until(claim: Callable[[], bool]) -> None:
    """Wait until something holds; `run` bounds it."""
    while not claim():
        await asyncio.sleep(0.001)


def begin(batcher: Batcher, batch: Numbers, deadline: Deadline | None = None) -> "asyncio.Task[Answers]":
    return asyncio.create_task(batcher.run(batch, deadline or Deadline.after(FAR)))


async def answered(*requests: "asyncio.Task[Answers]") -> list[list[float]]:
    return [np.concatenate(await request)[:, 0].tolist() for request in requests]


def of(batch: Numbers) -> list[float]:
    """What a `Model` answers."""
    return (batch[:, 0] + 0.5).tolist()  # type: ignore[no-any-return]


def test_a_lone_request_is_computed_at_once_and_alone() -> None:
    model = Model()

    async def scenario(batcher: Batcher) -> None:
        for number in range(3):
            request = begin(batcher, rows(number))
            for _ in range(5):  # turns of the event loop, no time
                await asyncio.sleep(0)
            assert request.done()

    run(scenario, model, inline_rows=1)
    assert model.batches == [[0], [1], [2]]


def test_what_waits_while_the_model_computes_becomes_one_batch_in_order() -> None:
    model = Model(is_open=False)

    async def scenario(batcher: Batcher) -> list[list[float]]:
        first = begin(batcher, rows(0))
        await until(lambda: model.batches == [[0]])
        others = [begin(batcher, rows(1)), begin(batcher, rows(2, 2)), begin(batcher, rows(4))]
        await asyncio.sleep(0)
        model.gate.set()
        return await answered(first, *others)

    assert run(scenario, model, max_batch_size=10) == [[0.5], [1.5], [2.5, 3.5], [4.5]]
    assert model.batches == [[0], [1, 2, 3, 4]]


def test_what_comes_turn_by_turn_of_the_event_loop_is_gathered() -> None:
    model = Model()

    async def scenario(batcher: Batcher) -> list[list[float]]:
        answers: list[float] = []

        def done(result: Answers | Exception) -> None:
            assert isinstance(result, list)
            answers.extend(result[0][:, 0].tolist())

        batcher.submit(rows(0), Deadline.after(FAR), done)
        for number in range(1, 5):
            batcher.submit(rows(number), Deadline.after(FAR), done)
            await asyncio.sleep(0)
        await until(lambda: len(answers) == 5)
        return [answers]

    assert run(scenario, model, max_batch_size=9, inline_rows=9) == [[0.5, 1.5, 2.5, 3.5, 4.5]]
    assert model.batches == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(("size", "sizes"), [(1, [1] * 10), (4, [4, 4, 2]), (5, [5, 5]), (10, [10]), (256, [10])])
def test_a_request_is_computed_in_batches_and_answered_in_order(size: int, sizes: list[int]) -> None:
    model = Model()
    [answers] = run(lambda batcher: answered(begin(batcher, rows(0, 10))), model, max_batch_size=size)
    assert answers == of(rows(0, 10))
    assert model.sizes == sizes


@settings(max_examples=100, deadline=None)
@given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=20), size=st.integers(1, 9))
def test_no_batch_is_larger_than_it_may_be_and_every_row_is_computed_once(counts: list[int], size: int) -> None:
    model = Model()
    asked = [rows(100 * index, count) for index, count in enumerate(counts)]

    async def scenario(batcher: Batcher) -> list[list[float]]:
        return await answered(*[begin(batcher, batch) for batch in asked])

    assert run(scenario, model, max_batch_size=size, inline_rows=size) == [of(batch) for batch in asked]
    assert max(model.sizes) <= size
    assert all(batch_size == size for batch_size in model.sizes[:-1])
    assert sorted(row for batch in model.batches for row in batch) == np.concatenate(asked)[:, 0].tolist()


@pytest.mark.parametrize("inline_rows", [0, 3, 1000])
@pytest.mark.parametrize("max_batch_size", [7, 256])
def test_every_request_gets_the_answers_to_its_own_rows(max_batch_size: int, inline_rows: int) -> None:
    counts = np.random.default_rng(0).integers(1, 6, (64, 20))
    firsts = np.cumsum(counts).reshape(counts.shape) - counts

    async def client(batcher: Batcher, own: int) -> None:
        for first, count in zip(firsts[own], counts[own], strict=True):
            batch = rows(int(first), int(count))
            assert await answered(begin(batcher, batch)) == [of(batch)]

    async def scenario(batcher: Batcher) -> None:
        await asyncio.gather(*(client(batcher, own) for own in range(len(counts))))

    model = Model()
    run(scenario, model, max_batch_size=max_batch_size, inline_rows=inline_rows)
    assert sum(model.sizes) == counts.sum()
    assert len(model.batches) < counts.size  # else nothing was shared, and nothing could cross


@pytest.mark.parametrize("at_hand", [0, 1])
@pytest.mark.parametrize("large_ones", [1, 2, 5])
def test_a_lone_row_behind_large_requests_is_in_the_next_batch_but_for_one_at_hand(
    large_ones: int, at_hand: int
) -> None:
    model = Model(is_open=False)

    async def scenario(batcher: Batcher) -> None:
        large = [begin(batcher, rows(LARGE * index, LARGE)) for index in range(large_ones)]
        await until(lambda: len(model.batches) == 1)
        lone = begin(batcher, rows(-1))
        await asyncio.sleep(0)
        model.gate.set()
        assert await answered(lone, *large) == [[-0.5], *[of(rows(LARGE * i, LARGE)) for i in range(large_ones)]]

    run(scenario, model, max_batch_size=64, at_hand=at_hand)
    assert any(-1 in batch for batch in model.batches[1 : 2 + at_hand])


def test_a_lone_row_is_in_the_next_batch_where_the_event_loop_computes() -> None:
    model = Model()

    async def scenario(batcher: Batcher) -> None:
        large = begin(batcher, rows(0, LARGE))
        await asyncio.sleep(0)
        while not model.batches:
            await asyncio.sleep(0)
        before, lone = len(model.batches), asyncio.get_running_loop().create_future()
        batcher.submit(rows(-1), Deadline.after(FAR), lone.set_result)
        await lone
        assert -1 in model.batches[before] + model.batches[before + 1]
        assert not large.done()
        assert await answered(large) == [of(rows(0, LARGE))]

    run(scenario, model, max_batch_size=64, inline_rows=64)


def test_large_requests_are_computed_one_after_the_other() -> None:
    model = Model(is_open=False)

    async def scenario(batcher: Batcher) -> None:
        requests = [begin(batcher, rows(100 * index, 4)) for index in range(3)]
        await until(lambda: len(model.batches) == 1)
        model.gate.set()
        await answered(*requests)

    run(scenario, model)
    assert model.batches == [rows(100 * index, 4)[:, 0].tolist() for index in range(3)]


def test_full_batches_are_computed_at_once_on_as_many_threads_as_there_are() -> None:
    model = Model(is_open=False)

    async def scenario(batcher: Batcher) -> None:
        requests = [begin(batcher, rows(100 * index, 4)) for index in range(3)]
        await until(lambda: len(model.batches) == 2)
        await asyncio.sleep(0.01)
        assert len(model.batches) == 2
        model.gate.set()
        assert await answered(*requests) == [of(rows(100 * index, 4)) for index in range(3)]

    run(scenario, model, threads=2)
    assert sorted(model.batches) == [rows(100 * index, 4)[:, 0].tolist() for index in range(3)]


def test_a_batch_that_is_not_full_waits_for_the_one_that_is_computed() -> None:
    model = Model(is_open=False)

    async def scenario(batcher: Batcher) -> None:
        first = begin(batcher, rows(0))
        await until(lambda: len(model.batches) == 1)
        others = [begin(batcher, rows(100 * index)) for index in (1, 2, 3)]
        await asyncio.sleep(0.01)
        assert len(model.batches) == 1
        others.append(begin(batcher, rows(400)))  # which fills it
        await until(lambda: len(model.batches) == 2)
        last = begin(batcher, rows(500))
        await asyncio.sleep(0.01)
        model.gate.set()
        await answered(first, *others, last)

    run(scenario, model, threads=3)
    assert model.sizes == [1, 4, 1]


def test_batches_of_one_request_that_are_done_out_of_order_are_answered_in_order() -> None:
    second = threading.Event()

    def call(batch: Numbers) -> Numbers:
        if batch[0, 0] == 0:
            assert second.wait(FAR)
            time.sleep(0.01)
        else:
            second.set()
        return batch + np.float32(0.5)

    assert run(lambda batcher: answered(begin(batcher, rows(0, 10))), call, threads=2) == [of(rows(0, 10))]


@pytest.mark.parametrize("threads", [2, 3])
def test_nobody_is_left_waiting_whatever_comes_when(threads: int) -> None:
    async def scenario(batcher: Batcher) -> None:
        chance = random.Random(threads)
        for _ in range(60):
            requests = []
            for _ in range(chance.randint(1, 8)):
                batch = rows(chance.randrange(10_000), chance.choice([1, 1, 2, 4, 9]))
                requests.append((batch, begin(batcher, batch)))
                if chance.random() < 0.1:
                    requests.pop()[1].cancel()
                await asyncio.sleep(chance.choice([0, 0, 0, 0.001]))
            for batch, request in requests:
                assert await answered(request) == [of(batch)]

    run(scenario, Model(), threads=threads, inline_rows=1)


def test_a_loop_that_breaks_harms_no_batch_of_another() -> None:
    model = Model(is_open=False)

    def call(batch: Numbers) -> Numbers:
        answers = model(batch)
        return answers[:-1] if 100 in batch else answers

    async def scenario(batcher: Batcher) -> None:
        good, bad = begin(batcher, rows(0, 4)), begin(batcher, rows(100, 4))
        await until(lambda: len(model.batches) == 2)
        model.gate.set()
        with pytest.raises(InternalError):
            await bad
        assert await answered(good) == [of(rows(0, 4))]
        assert await answered(begin(batcher, rows(7))) == [of(rows(7))]
        assert batcher.is_healthy(FAR)

    run(scenario, call, threads=2)


def test_requests_larger_than_a_batch_take_turns() -> None:
    model = Model()
    run(lambda batcher: answered(*(begin(batcher, rows(100 * index, 10)) for index in range(3))), model)
    assert [batch[0] // 100 for batch in model.batches[:6]] == [0, 1, 2, 0, 1, 2]


@given(wanted=st.lists(st.integers(0, 300), max_size=40), room=st.integers(1, 300))
def test_shares_fill_the_room_and_who_wants_no_more_than_an_equal_one_gets_it(wanted: list[int], room: int) -> None:
    shares = share_out(wanted, room)
    assert len(shares) == len(wanted)
    assert sum(shares) == min(room, sum(wanted))
    for share, want in zip(shares, wanted, strict=True):
        assert (want if want <= room // len(wanted) else 0) <= share <= want


@given(wanted=st.lists(st.integers(2, 40), min_size=1, max_size=8), room=st.integers(1, 9))
def test_every_request_gets_rows_within_as_many_batches_as_there_are_requests(wanted: list[int], room: int) -> None:
    model = Model()

    async def scenario(batcher: Batcher) -> None:
        await answered(*(begin(batcher, rows(100 * index, count)) for index, count in enumerate(wanted)))

    run(scenario, model, max_batch_size=room, inline_rows=room)
    firsts = {row // 100 for batch in model.batches[: len(wanted)] for row in batch}
    assert firsts == {*range(len(wanted))}


def test_what_has_expired_is_not_computed() -> None:
    model = Model()

    async def scenario(batcher: Batcher) -> list[list[float]]:
        late, good = begin(batcher, rows(0, 10), Deadline.after(-1)), begin(batcher, rows(20))
        with pytest.raises(DeadlineExceeded):
            await late
        return await answered(good)

    assert run(scenario, model) == [[20.5]]
    assert model.batches == [[20]]


def test_a_request_that_expires_between_two_batches_is_computed_no_further() -> None:
    model, deadline = Model(is_open=False), Deadline.after(FAR)

    async def scenario(batcher: Batcher) -> None:
        request = begin(batcher, rows(0, 10), deadline)
        await until(lambda: len(model.batches) == 1)
        deadline.at = time.monotonic() - 1
        model.gate.set()
        with pytest.raises(DeadlineExceeded):
            await request

    run(scenario, model, max_batch_size=5)
    assert model.sizes == [5]


def test_a_request_that_is_cancelled_is_computed_no_further() -> None:
    model = Model(is_open=False)

    async def scenario(batcher: Batcher) -> list[list[float]]:
        left = [begin(batcher, rows(0, 10)), begin(batcher, rows(100, 10))]
        await until(lambda: len(model.batches) == 1)
        stays = begin(batcher, rows(50))
        for request in left:
            request.cancel()
        await asyncio.wait(left)
        model.gate.set()
        assert all(request.cancelled() for request in left)
        return await answered(stays)

    assert run(scenario, model) == [[50.5]]
    assert model.batches == [[0, 1, 2, 3], [50]]


def test_rows_of_a_request_that_is_cancelled_are_let_go_of_though_it_is_not_its_turn() -> None:
    model = Model(is_open=False)

    async def scenario(batcher: Batcher) -> None:
        first = begin(batcher, rows(0))
        await until(lambda: len(model.batches) == 1)
        large = rows(10, LARGE).copy()
        held = weakref.ref(large)
        left = begin(batcher, large)
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.wait([left])
        del left, large
        gc.collect()
        assert held() is None
        model.gate.set()
        await first

    run(scenario, model)


def test_who_left_or_is_too_late_is_not_computed_when_a_batch_that_failed_is_tried_apart() -> None:
    sizes, late = list[int](), Deadline.after(FAR)

    async def scenario() -> None:
        pool = ByHand()
        batcher = Batcher(call, pool, Batching(4))
        requests = [begin(batcher, rows(index), late if index == 2 else None) for index in range(4)]
        await until(lambda: pool.is_asked)
        pool.compute()  # all of them
        await until(lambda: pool.is_asked)
        requests[1].cancel()
        late.at = time.monotonic() - 1
        for _ in range(2):
            await until(lambda: pool.is_asked)
            pool.compute()
        assert await answered(requests[0], requests[3]) == [[0.5], [3.5]]
        with pytest.raises(DeadlineExceeded):
            await requests[2]

    def call(batch: Numbers) -> Numbers:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise ValueError("too many for it")
        return batch + np.float32(0.5)

    asyncio.run(asyncio.wait_for(scenario(), FAR))
    assert sizes == [4, 1, 1]


class ByHand(Executor):
    """Computes when it is told to, so that a test knows in which turn of the event loop the answers come."""

    def __init__(self) -> None:
        self._asked: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self._asked.append((future, lambda: work(*args, **kwargs)))
        return future

    @property
    def is_asked(self) -> bool:
        return bool(self._asked)

    def compute(self) -> None:
        future, work = self._asked.pop(0)
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)


@pytest.mark.parametrize("is_cancelled_first", [False, True])
@pytest.mark.parametrize("own", [0, 1, 2])
def test_a_request_that_is_cancelled_as_its_answer_comes_harms_none_of_its_neighbours(
    own: int, is_cancelled_first: bool
) -> None:
    async def scenario() -> None:
        pool = ByHand()
        batcher = Batcher(Model(), pool, Batching(3))
        requests = [begin(batcher, rows(index)) for index in range(3)]
        await until(lambda: pool.is_asked)
        waits = begin(batcher, rows(50))
        await asyncio.sleep(0)
        if is_cancelled_first:
            requests[own].cancel()
        pool.compute()
        await asyncio.sleep(0)  # the answers are there, and the batcher is the next to run
        requests[own].cancel()
        await until(lambda: pool.is_asked)
        pool.compute()
        left = requests.pop(own)
        assert await answered(*requests) == [of(rows(index)) for index in range(3) if index != own]
        assert await answered(waits) == [of(rows(50))]
        assert left.cancelled()
        assert batcher.is_healthy(FAR)

    asyncio.run(asyncio.wait_for(scenario(), FAR))


def test_one_that_fails_to_take_its_answer_harms_none_of_its_neighbours(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Answers | Exception) -> None:
        raise ZeroDivisionError

    async def scenario(batcher: Batcher) -> list[list[float]]:
        before = begin(batcher, rows(0))
        await asyncio.sleep(0)
        batcher.submit(rows(1), Deadline.after(FAR), fail)
        answers = await answered(before, begin(batcher, rows(2)))
        assert batcher.is_healthy(FAR)
        return answers

    assert run(scenario, Model(), inline_rows=4) == [[0.5], [2.5]]
    assert "could not take what was computed" in caplog.text


@pytest.mark.parametrize("inline_rows", [0, 10])
def test_rows_that_the_model_refuses_harm_none_of_their_neighbours(inline_rows: int) -> None:
    model = Model()

    def call(batch: Numbers) -> Numbers:
        answers = model(batch)
        if batch.min() < 0:
            raise ValueError("below 0")
        return answers

    async def scenario(batcher: Batcher) -> list[list[float]]:
        before, bad, after = begin(batcher, rows(0, 2)), begin(batcher, rows(-9)), begin(batcher, rows(5, 2))
        with pytest.raises(ValueError, match="below 0"):
            await bad
        assert batcher.is_healthy(FAR)
        return await answered(before, after)

    assert run(scenario, call, max_batch_size=10, inline_rows=inline_rows) == [[0.5, 1.5], [5.5, 6.5]]
    assert model.batches == [[0, 1, -9, 5, 6], [0, 1], [-9], [5, 6]]


class Faltering(Batcher):
    """Fails once, before its second batch."""

    batches = 0

    def _next_batch(self) -> Any:
        self.batches += 1
        if self.batches == 2:
            raise ZeroDivisionError
        return super()._next_batch()


async def all_end_with_internal_error(batcher: Batcher, *requests: "asyncio.Task[Answers]") -> None:
    for request in requests:
        with pytest.raises(InternalError):
            await request
    assert not batcher.is_healthy(FAR)


@pytest.mark.parametrize("inline_rows", [0, 4])
def test_a_batcher_that_breaks_ends_every_request_and_serves_the_next(inline_rows: int) -> None:
    async def scenario(batcher: Batcher) -> list[list[float]]:
        assert batcher.is_healthy(FAR)
        await all_end_with_internal_error(batcher, *(begin(batcher, rows(10 * index, 5)) for index in range(6)))
        answers = await answered(begin(batcher, rows(1)))
        assert batcher.is_healthy(FAR)
        return answers

    assert run(scenario, Model(), kind=Faltering, inline_rows=inline_rows) == [[1.5]]


@pytest.mark.parametrize(
    "wrong", [lambda answers: answers[:-1], lambda answers: np.concatenate([answers, answers]), lambda _: None]
)
@pytest.mark.parametrize("count", [1, 3])
def test_a_model_of_too_few_or_too_many_answers_gives_nobody_any(
    count: int, wrong: Callable[[Numbers], Numbers]
) -> None:
    model = Model(is_open=False)

    def call(batch: Numbers) -> Numbers:
        answers = model(batch)
        return answers if 100 in batch else wrong(answers)

    async def scenario(batcher: Batcher) -> list[list[float]]:
        in_batch = [begin(batcher, rows(10 * index)) for index in range(count)]
        await until(lambda: len(model.batches) == 1)
        waits = begin(batcher, rows(50))
        await asyncio.sleep(0)
        model.gate.set()
        await all_end_with_internal_error(batcher, *in_batch, waits)
        answers = await answered(begin(batcher, rows(100)))
        assert batcher.is_healthy(FAR)
        return answers

    assert run(scenario, call) == [[100.5]]
    assert model.batches == [[10 * index for index in range(count)], [100]]


@pytest.mark.parametrize("inline_rows", [0, 4])
def test_a_batcher_that_broke_is_healthy_again_without_a_request_once_what_is_known_can_be_computed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, inline_rows: int
) -> None:
    monkeypatch.setattr("service.batcher._PAUSE_S", 0.01)
    caplog.set_level("INFO", "hourglass.batcher")
    batches = list[list[float]]()
    batcher: Batcher

    def call(batch: Numbers) -> Numbers:
        batches.append(batch[:, 0].tolist())
        assert len(batches) == 1 or not batcher.is_healthy(FAR)
        if len(batches) == 3:
            raise ValueError("not now")
        return batch[1:] if len(batches) < 3 else batch  # too few break it

    async def scenario() -> None:
        nonlocal batcher
        with ThreadPoolExecutor(1, "model") as pool:
            batcher = Batcher(call, pool, Batching(4), inline_rows, known=rows(7))
            await all_end_with_internal_error(batcher, begin(batcher, rows(1)))
            await until(lambda: batcher.is_healthy(FAR))
            await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(scenario(), FAR))
    assert batches == [[1], [7], [7], [7]]
    assert caplog.messages == ["a batcher failed", "a batcher that had failed computes again"]


def test_a_batcher_that_broke_and_that_nobody_holds_any_more_tries_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batcher._PAUSE_S", 0.01)
    monkeypatch.setattr("service.batcher._log.error", lambda *_, **__: None)  # pytest keeps what an error holds
    batches = list[list[float]]()

    def call(batch: Numbers) -> Numbers:
        batches.append(batch[:, 0].tolist())
        return batch[1:]

    async def scenario() -> None:
        with ThreadPoolExecutor(1, "model") as pool:
            batcher = Batcher(call, pool, Batching(4), 4, known=rows(7))
            await all_end_with_internal_error(batcher, begin(batcher, rows(1)))
            await until(lambda: len(batches) > 2)
            known = weakref.ref(batcher)
            del batcher

            def is_gone() -> bool:
                gc.collect()
                return known() is None

            await until(is_gone)

    asyncio.run(asyncio.wait_for(scenario(), FAR))


def test_a_batch_that_takes_longer_than_patience_is_unhealthy_until_it_ends() -> None:
    model = Model(is_open=False)

    async def scenario(batcher: Batcher) -> None:
        request = begin(batcher, rows(0))
        await until(lambda: not batcher.is_healthy(0.01))
        assert batcher.is_healthy(FAR)
        model.gate.set()
        await request
        assert batcher.is_healthy(0)

    run(scenario, model)


def test_a_full_batch_does_not_wait_for_its_delay() -> None:
    model = Model()

    async def scenario(batcher: Batcher) -> None:
        requests = [begin(batcher, rows(0))]
        await asyncio.sleep(0)
        requests += [begin(batcher, rows(1)), begin(batcher, rows(2, 2))]
        await answered(*requests)
        await answered(begin(batcher, rows(4, 8)))

    began = time.monotonic()
    run(scenario, model, max_delay_s=FAR / 2)
    assert time.monotonic() - began < FAR / 4
    assert model.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_a_batch_waits_for_others_and_never_longer_than_its_delay() -> None:
    model = Model()
    delay_s = 0.1

    async def scenario(batcher: Batcher) -> float:
        began = time.monotonic()
        first = begin(batcher, rows(0))
        others: list[asyncio.Task[Answers]] = []
        while not first.done():  # each of them comes later, and none makes the first wait for longer
            others.append(begin(batcher, rows(1 + len(others))))
            await asyncio.sleep(delay_s / 10)
        waited_s = time.monotonic() - began
        await answered(*others)
        return waited_s

    assert delay_s * 0.9 < run(scenario, model, max_batch_size=100_000, max_delay_s=delay_s) < 20 * delay_s
    assert model.sizes[0] > 1


def test_the_delay_is_over_when_the_first_of_those_who_wait_has_waited_for_it() -> None:
    model = Model(is_open=False)

    async def scenario(batcher: Batcher) -> None:
        full = begin(batcher, rows(0, 4))
        await until(lambda: len(model.batches) == 1)
        first = asyncio.get_running_loop().create_future()
        batcher.submit(rows(4), Deadline.after(FAR), first.set_result).arrived -= FAR
        second = begin(batcher, rows(5))
        await asyncio.sleep(0)
        model.gate.set()
        await first
        await answered(full, second)

    began = time.monotonic()
    run(scenario, model, max_delay_s=FAR / 2)
    assert time.monotonic() - began < FAR / 4
    assert model.batches == [[0, 1, 2, 3], [4, 5]]


def test_small_batches_are_computed_on_the_event_loop_and_larger_ones_in_the_pool() -> None:
    model = Model()

    async def scenario(batcher: Batcher) -> None:
        for count in (1, 2, 3, 4):
            await answered(begin(batcher, rows(0, count)))

    run(scenario, model, inline_rows=2)
    assert model.threads == [MAIN_THREAD, MAIN_THREAD, "model_0", "model_0"]


@pytest.mark.parametrize(("at_most", "expected"), [(1, 1), (8, 8), (100, 64), (256, 128)])
def test_a_quick_model_is_called_on_the_event_loop_up_to_the_largest_size_that_was_warmed(
    at_most: int, expected: int
) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert Batcher.warm(np.negative, rows(0, 3), pool, Batching(at_most)).inline_rows == expected


def test_a_slow_model_keeps_the_event_loop_free_from_the_size_at_which_it_is_slow() -> None:
    def call(batch: Numbers) -> Numbers:
        began = time.thread_time()
        while len(batch) > 4 and time.thread_time() - began < 0.004:
            pass
        return batch

    with ThreadPoolExecutor(1) as pool:
        assert Batcher.warm(call, rows(0, 3), pool, Batching(256)).inline_rows == 4
