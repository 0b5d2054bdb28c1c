"""The pool with real processes: they are killed, cancelled, crash, and no request but their own hears of it."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from service import map_process
from service.errors import InternalError, MapFailed, Overloaded
from service.map_launch import launch
from service.map_pool import MapPool
from service.maps import MapAnswer, MapJob, MapProgress

ROOT = Path(__file__).parents[2]
POINTS = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
QUICK = MapJob({"latent": POINTS}, iterations=250)
MANY = np.random.default_rng(0).normal(size=(4000, 5)).astype(np.float32)
ENDLESS = MapJob({"latent": MANY}, iterations=100_000)
BROKEN = MapJob({"latent": POINTS}, labels=("too", "few"), iterations=250)


async def until(claim: Callable[[], bool], seconds: float = 60) -> float:
    """Wait until something holds -> the seconds that it took."""
    began = time.monotonic()
    while not claim():
        assert time.monotonic() - began < seconds, "it never came to hold"
        await asyncio.sleep(0.002)
    return time.monotonic() - began


OF_OTHERS: set[int] = set()
"""Map processes of an application that runs beside these tests."""


@pytest.fixture(scope="module", autouse=True)
def _leave_others_out() -> None:
    OF_OTHERS.update(children())


def children() -> set[int]:
    """The map processes that these tests started and that are alive or zombies."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    )
    lines = (line.split() for line in listed.stdout.splitlines())
    return {int(pid) for pid, name, *_ in lines if name != "ps"} - OF_OTHERS


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def begin(pool: MapPool, job: MapJob) -> "asyncio.Task[MapAnswer]":
    """Begin a job of whose progress nobody wants to hear."""
    return pool.begin(partial(prepared, job), lambda _: None)


async def prepared(job: MapJob) -> MapJob:
    """A job that needs no preparing."""
    return job


def program(code: str) -> Callable[[], "subprocess.Popen[bytes]"]:
    """Launches map processes that run this code, in which `layout.compute` may be another."""
    return partial(launch, 1, (sys.executable, "-P", "-c", code))


_launch = partial(launch, 2)


@asynccontextmanager
async def warm_pool(
    processes: int = 1, max_waiting: int = 1, start: Callable[[], "subprocess.Popen[bytes]"] = _launch
) -> AsyncIterator[MapPool]:
    pool = MapPool(start, processes, max_waiting)
    await pool.start()
    try:
        await until(lambda: pool.ready)
        yield pool
    finally:
        await pool.close()
        assert not children()
        assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_job_is_answered_the_same_whichever_process_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "__init__.py").write_text("raise SystemExit('the wrong service')")
    monkeypatch.chdir(tmp_path)

    async def scenario() -> None:
        async with warm_pool(processes=2) as pool:
            answers = await asyncio.gather(begin(pool, QUICK), begin(pool, QUICK))
            one, other = (answer.maps["latent"].coordinates for answer in answers)
            np.testing.assert_array_equal(one, other)
            assert (pool.running, pool.waiting) == (0, 0)

    asyncio.run(scenario())


def test_a_killed_process_costs_its_own_request_and_is_replaced() -> None:
    async def scenario() -> None:
        async with warm_pool() as pool:
            [pid] = children()
            doomed, next_one = begin(pool, ENDLESS), begin(pool, QUICK)
            await until(lambda: (pool.running, pool.waiting) == (1, 1))
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(MapFailed):
                await doomed
            assert (await next_one).maps
            assert children().isdisjoint({pid})

    asyncio.run(scenario())


def test_a_process_that_dies_idle_costs_no_request() -> None:
    async def scenario() -> None:
        async with warm_pool() as pool:
            [pid] = children()
            os.kill(pid, signal.SIGKILL)
            await until(lambda: is_gone(pid))
            assert (await begin(pool, QUICK)).maps

    asyncio.run(scenario())


def test_a_cancelled_job_stops_and_its_process_takes_the_next() -> None:
    async def scenario() -> None:
        async with warm_pool() as pool:
            for _ in range(3):  # of three tries, since a crowded processor lets the process wait
                before = children()
                left = begin(pool, ENDLESS)
                await until(lambda: pool.running == 1)
                left.cancel()
                took_s = await until(left.done)
                assert (pool.running, pool.waiting) == (0, 0)
                assert (await begin(pool, QUICK)).maps
                if took_s < 0.3 and children() == before:
                    return
            pytest.fail("it is killed, or stops late: some 0.05 s are usual, and the job takes minutes")

    asyncio.run(scenario())


def test_a_job_that_is_cancelled_at_once_stops_too() -> None:
    async def scenario() -> None:
        async with warm_pool() as pool:
            for _ in range(3):
                left = begin(pool, ENDLESS)
                await asyncio.sleep(0)
                left.cancel()
                await until(left.done, 5)
            assert (pool.running, pool.waiting) == (0, 0)
            assert (await begin(pool, QUICK)).maps

    asyncio.run(scenario())


STUBBORN = """
import time
from service import layout, map_process
compute = layout.compute
layout.compute = lambda job, listener=None: time.sleep(100) if job.iterations == 100_000 else compute(job, listener)
map_process.main()
"""


def test_a_process_that_does_not_stop_is_killed_and_another_takes_its_place() -> None:
    async def scenario() -> None:
        async with warm_pool(start=program(STUBBORN)) as pool:
            [pid] = children()
            left = begin(pool, ENDLESS)
            await until(lambda: pool.running == 1)
            left.cancel()
            assert await until(lambda: is_gone(pid), 10) < 2
            assert (await begin(pool, QUICK)).maps
            assert children().isdisjoint({pid})

    asyncio.run(scenario())


def test_progress_is_told_while_a_job_is_done() -> None:
    async def scenario() -> None:
        heard: list[MapProgress] = []
        async with warm_pool() as pool:
            job = MapJob({"image": MANY, "latent": MANY}, iterations=300)
            await pool.begin(partial(prepared, job), heard.append)
        for space in ("image", "latent"):
            course = [progress.iteration for progress in heard if progress.space == space]
            assert course == sorted(course)
            assert len(course) <= 2 + 10 * heard[-1].elapsed_s
        assert [progress.elapsed_s for progress in heard] == sorted(progress.elapsed_s for progress in heard)
        assert all(0 <= progress.iteration <= progress.iterations == 300 for progress in heard)
        for progress in heard:
            assert (progress.kl_divergence is None) == (progress.phase in {"neighbours", "measuring"})
            assert progress.coordinates is None or progress.coordinates.shape == (len(MANY), 2)
        assert heard[-1].remaining_s is not None

    asyncio.run(scenario())


def test_known_maps_are_drawn_and_not_computed_again() -> None:
    async def scenario() -> None:
        async with warm_pool() as pool:
            answer = await begin(pool, QUICK)
            drawn = await begin(pool, replace(QUICK, spaces={}, given=answer, picture="svg"))
            whole = await begin(pool, replace(QUICK, picture="svg"))
            assert drawn.picture == whole.picture

    asyncio.run(scenario())


def test_processes_that_were_launched_before_are_the_pools_own() -> None:
    async def scenario() -> None:
        launched = [launch(1)]
        pool = MapPool(program("raise SystemExit(3)"), 1, 0, launched)
        await pool.start()
        await until(lambda: pool.ready)
        assert children() == {launched[0].pid}
        await pool.close()
        assert not children()

    asyncio.run(scenario())


def test_closing_at_once_leaves_no_process_that_was_launched_before() -> None:
    async def scenario() -> None:
        pool = MapPool(partial(launch, 1), 1, 0, [launch(1)])
        await pool.start()
        await pool.close()
        assert not children()

    asyncio.run(scenario())


def test_a_full_line_refuses_and_says_when_to_return_and_a_place_left_is_free() -> None:
    async def scenario() -> None:
        async with warm_pool() as pool:
            running, waiting = begin(pool, ENDLESS), begin(pool, QUICK)
            await until(lambda: (pool.running, pool.waiting) == (1, 1))
            with pytest.raises(Overloaded) as refused:
                await begin(pool, QUICK)
            assert 1 <= int(refused.value.headers["Retry-After"]) <= 10
            waiting.cancel()
            await until(lambda: (pool.running, pool.waiting) == (1, 0))
            following = begin(pool, QUICK)
            await until(lambda: pool.waiting == 1)
            running.cancel()
            assert (await following).maps

    asyncio.run(scenario())


def test_those_who_wait_are_served_in_order_and_before_who_comes_back_at_once() -> None:
    async def scenario() -> None:
        served: list[str] = []

        async def ask(name: str, times: int = 1) -> None:
            for _ in range(times):
                await begin(pool, QUICK)
                served.append(name)

        async with warm_pool(max_waiting=3) as pool:
            await asyncio.gather(ask("greedy", times=2), ask("first"), ask("second"))
        assert served == ["greedy", "first", "second", "greedy"]

    asyncio.run(scenario())


def test_a_job_that_raises_fails_alone_and_its_process_lives_on(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with warm_pool() as pool:
            before = children()
            with pytest.raises(InternalError, match="could not be computed"):
                await begin(pool, BROKEN)
            assert (await begin(pool, QUICK)).maps
            assert children() == before

    asyncio.run(scenario())
    assert "Traceback" in capfd.readouterr().err


def test_closing_ends_running_and_waiting_requests() -> None:
    async def scenario() -> None:
        async with warm_pool() as pool:
            requests = [begin(pool, ENDLESS) for _ in range(2)]
            await until(lambda: (pool.running, pool.waiting) == (1, 1))
            await pool.close()
            results = await asyncio.gather(*requests, return_exceptions=True)
            assert [type(result) for result in results] == [MapFailed, MapFailed]

    asyncio.run(scenario())


def test_closing_while_processes_start_leaves_none() -> None:
    async def scenario() -> None:
        pool = MapPool(partial(launch, 1), 2, 0)
        await pool.start()
        await until(lambda: len(children()) == 2)
        await pool.close()
        assert not children()

    asyncio.run(scenario())


def test_a_process_that_cannot_start_is_tried_again_after_pauses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def failures() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name == "hourglass.map_pool"]

    async def scenario() -> None:
        pool = MapPool(program("raise SystemExit(3)"), 1, 3)
        await pool.start()
        await until(lambda: len(failures()) == 2)
        assert not pool.ready
        with pytest.raises(MapFailed):
            await begin(pool, QUICK)
        await pool.close()

    asyncio.run(scenario())
    first, second = failures()
    assert second.created - first.created >= 1


def test_a_pool_of_no_processes_is_ready_and_refuses() -> None:
    async def scenario() -> None:
        pool = MapPool(partial(launch, 1), 0, 4)
        await pool.start()
        assert pool.ready
        with pytest.raises(MapFailed):
            await begin(pool, QUICK)
        await pool.close()

    asyncio.run(scenario())


def test_a_large_job_does_not_hold_the_event_loop_up() -> None:
    """The least of three: what holds the loop up itself does so each time, a busy machine does not."""

    async def longest_pause(pool: MapPool) -> float:
        large = MapJob({"image": np.random.default_rng(0).random((2000, 3072), np.float32)}, iterations=100_000)
        request = begin(pool, large)
        began = last = time.monotonic()
        pauses = []
        while last < began + 1 or not pool.running:
            await asyncio.sleep(0)
            pauses.append(time.monotonic() - last)
            last = time.monotonic()
            assert last < began + 60
        request.cancel()
        await until(lambda: not pool.running and pool.ready)
        return max(pauses)

    async def scenario() -> None:
        async with warm_pool() as pool:
            assert min([await longest_pause(pool) for _ in range(3)]) < 0.1

    asyncio.run(scenario())


@pytest.mark.parametrize("busy", [False, True])
def test_a_process_does_not_outlive_its_parent(busy: bool) -> None:
    program = """
import asyncio, sys
from functools import partial
from service.map_launch import launch
from service.map_pool import MapPool
from tests.integration.test_map_pool import ENDLESS, begin, children, until
async def scenario():
    pool = MapPool(partial(launch, 1), 1, 0)
    await pool.start()
    await until(lambda: pool.ready)
    request = begin(pool, ENDLESS) if sys.argv[1] == "True" else None
    await until(lambda: pool.running == bool(request))
    print(*children(), flush=True)
    await asyncio.sleep(60)
asyncio.run(scenario())
"""
    with subprocess.Popen([sys.executable, "-c", program, str(busy)], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.kill()
    asyncio.run(until(lambda: is_gone(pid), 10))


NOISY = """
import os
from service import layout, map_process
compute = layout.compute
def noisy(job, listener=None):
    print("from Python", flush=True)
    os.system("echo from C")
    return compute(job, listener)
layout.compute = noisy
map_process.main()
"""


def test_what_a_job_prints_does_not_mix_with_answers(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with warm_pool(start=program(NOISY)) as pool:
            assert (await begin(pool, QUICK)).maps

    asyncio.run(scenario())
    assert {"from Python", "from C"} <= set(capfd.readouterr().err.splitlines())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own there")
def test_every_thread_of_a_process_computes_behind_others() -> None:
    async def scenario() -> None:
        async with warm_pool() as pool:
            assert (await begin(pool, replace(QUICK, picture="png"))).picture
            [pid] = children()
            threads = [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]
            assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {map_process.NICENESS}

    asyncio.run(scenario())
