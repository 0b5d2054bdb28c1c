"""A bounded pool of warm processes that compute maps, so that the web process never does.

A job is prepared and takes the next free process; some may wait for one, in the order in which they were prepared, and
more are refused. A job that is cancelled is stopped, and its process takes the next; a process that ends, or does not
stop in time, is replaced.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from subprocess import Popen
from typing import TypeAlias

from service.errors import MapFailed, Overloaded, Refusal
from service.ledger import Ledger
from service.map_worker import Listener, MapWorker
from service.maps import MapAnswer, MapJob

Launch: TypeAlias = Callable[[], "Popen[bytes]"]
Make: TypeAlias = Callable[[], Awaitable[MapJob]]
"""Prepares a job."""
_FIRST_GUESS_S = 10.0
_PAUSES_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""After one start that failed, two in a row, and so on."""
_log = logging.getLogger("hourglass.map_pool")


class MapPool:
    """Processes that compute maps, and the requests that wait for them."""

    def __init__(
        self,
        launch: Launch,
        processes: int,
        max_waiting: int,
        launched: Sequence["Popen[bytes]"] = (),
        ledger: Ledger | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            launch: Starts a process.
            processes: How many there are.
            max_waiting: How many jobs may wait for one.
            launched: Processes that were started already, and belong to the pool from now on.
            ledger: Where the pool enters what it does.
        """
        self.ready = processes == 0
        """Whether all processes were warm at once; one that is replaced later does not take it back."""
        self._launch, self._processes, self._max_waiting = launch, processes, max_waiting
        self._launched = list(launched)
        self._keepers: list[asyncio.Task[None]] = []
        self._workers: set[MapWorker] = set()
        self._free: asyncio.Queue[MapWorker | None] = asyncio.Queue()
        """None, which is put back by who gets it: the pool is closed."""
        self._line = asyncio.Lock()  # its holder is the first in line; a lock is fair, a queue's getters are not
        self._begun: dict[MapWorker, float] = {}
        self._admitted: set[asyncio.Task[MapAnswer]] = set()
        self._failed_starts = 0
        self._typical_s = _FIRST_GUESS_S
        self._ledger = ledger or Ledger()

    @property
    def has_begun(self) -> bool:
        """Whether its processes are warm, or one could not be started; none may be asked for."""
        return self.ready or self._failed_starts > 0

    @property
    def running(self) -> int:
        """Maps that are computed now."""
        return len(self._begun)

    @property
    def waiting(self) -> int:
        """Maps that wait for a process."""
        return len(self._admitted) - self.running

    async def start(self) -> None:
        """Begin to start the processes, and return; `ready` says when they are warm."""
        self._keepers = [asyncio.create_task(self._keep_one()) for _ in range(self._processes)]

    async def close(self) -> None:
        """Kill the processes and wait for their ends; jobs that are still here end in `MapFailed`."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = []
        for process in self._launched:  # that nobody has taken charge of yet
            process.kill()
            process.communicate()
        self._free.put_nowait(None)
        await asyncio.gather(*self._admitted, return_exceptions=True)

    def begin(self, make: Make, listener: Listener, *, is_entitled: bool = False) -> "asyncio.Task[MapAnswer]":
        """Begin a job, or let it wait in line; cancelling the task stops it.

        Args:
            make: Prepares what to compute, once there is a place for it.
            listener: Is told of progress.
            is_entitled: Whether the job may wait even where no more may: it ends what an admitted one began.

        Raises:
            Overloaded: As many jobs as may wait are waiting.
            MapFailed: There are no processes. From the task: the process ended early.
            Refusal: From the task: what the job ended in.
            Exception: From the task: what `make` raises.
        """
        if not is_entitled:
            self._check_place()
        task = asyncio.create_task(self._run(make, listener))
        self._admitted.add(task)
        self._enter_in_ledger()
        task.add_done_callback(self._end)
        return task

    def check_running(self) -> None:
        """Refuse where no map can be computed at all.

        Raises:
            MapFailed: There are no processes.
        """
        if not self._keepers or (self._failed_starts and not self._workers):
            raise MapFailed("This service computes no maps at present.", headers={"Retry-After": "60"})

    def _check_place(self) -> None:
        """Refuse a job for which there is no place.

        Raises:
            Overloaded: As many jobs as may wait are waiting.
            MapFailed: There are no processes.
        """
        self.check_running()
        if len(self._admitted) >= self._processes + self._max_waiting:
            wait_s = self._seconds_to_a_place()
            detail = f"Too many maps are asked for at once; a place may be free in {wait_s} s."
            raise Overloaded(detail, headers={"Retry-After": str(wait_s)})

    async def _run(self, make: Make, listener: Listener) -> MapAnswer:
        job = await make()
        worker = await self._next_free()
        try:
            with self._timed(worker):
                answer = await worker.compute(job, listener)
        finally:
            self._free.put_nowait(worker)  # dead or alive: who gets it looks
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def _end(self, task: "asyncio.Task[MapAnswer]") -> None:
        self._admitted.remove(task)
        self._enter_in_ledger()

    async def _next_free(self) -> MapWorker:
        async with self._line:
            while worker := await self._free.get():
                if worker.is_alive:
                    return worker
        self._free.put_nowait(None)
        raise MapFailed("The service is stopping; try again.", headers={"Retry-After": "1"})

    @contextmanager
    def _timed(self, worker: MapWorker) -> Iterator[None]:
        """Count a process as running, and learn how long a job takes that is not stopped."""
        self._begun[worker] = time.monotonic()
        self._enter_in_ledger()
        try:
            yield
            self._typical_s += 0.3 * (time.monotonic() - self._begun[worker] - self._typical_s)
        finally:
            del self._begun[worker]

    def _enter_in_ledger(self) -> None:
        self._ledger.maps_running.put(self.running)
        self._ledger.maps_waiting.put(self.waiting)

    def _seconds_to_a_place(self) -> int:
        """When the first of the running maps should end, by how long maps took of late."""
        elapsed = max((time.monotonic() - begun for begun in self._begun.values()), default=0.0)
        return max(1, math.ceil(self._typical_s - elapsed))

    async def _keep_one(self) -> None:
        """Have one process at all times: start it, offer it, and start another when it ends."""
        while True:
            try:
                worker = await MapWorker.warm(self._launched.pop() if self._launched else self._launch())
            except Exception as failure:
                await self._pause(failure)
                continue
            self._failed_starts = 0
            self._workers.add(worker)
            self.ready = self.ready or len(self._workers) == self._processes
            self._free.put_nowait(worker)
            try:
                await worker.listen()
            except Exception:
                _log.exception("Map process %d is not understood.", worker.pid)
            finally:
                self._workers.discard(worker)
                await worker.end()
            _log.info("Map process %d ended; another takes its place.", worker.pid)

    async def _pause(self, failure: Exception) -> None:
        pause_s = _PAUSES_S[min(self._failed_starts, len(_PAUSES_S) - 1)]
        self._failed_starts += 1
        _log.error("A map process cannot be started (%r); the next try is in %g s.", failure, pause_s)
        await asyncio.sleep(pause_s)
