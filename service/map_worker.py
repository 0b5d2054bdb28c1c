"""One map process as its parent sees it."""

import asyncio
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from subprocess import Popen
from typing import TypeAlias

from service.errors import MapFailed, Refusal
from service.map_messages import HEADER, Ending, JobStopped, Ready, Report, Stop, Task, pack
from service.maps import MapAnswer, MapJob, MapProgress

Listener: TypeAlias = Callable[[MapProgress], None]
_CHUNK_BYTES = 2**18
"""Written at once, so that a large job never holds the event loop up."""
_REPORT_BYTES = 2**26
"""Read ahead, so that a process is not held up by a busy event loop."""
_START_TIMEOUT_S = 300.0
"""The first process after an installation compiles what later ones find on the disk."""
_STOP_TIMEOUT_S = 1.0


class MapWorker:
    """A process that is warm, and does one job at a time."""

    def __init__(self, process: "Popen[bytes]", pipes: "_Pipes") -> None:
        self._process, self._pipes = process, pipes
        self.pid = process.pid
        self._is_killed = False
        self._number = 0
        self._listener: Listener = _ignore
        self._ending: asyncio.Future[Ending] | None = None
        self._writing = asyncio.Lock()

    @classmethod
    async def warm(cls, process: "Popen[bytes]") -> "MapWorker":
        """Take charge of a process that was launched, and wait until it is warm.

        Raises:
            MapFailed: It ended before.
            TimeoutError: It took longer than five minutes.
        """
        connecting = asyncio.create_task(_Pipes.of(process))
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                worker = cls(process, await asyncio.shield(connecting))
                await worker._receive()
        except BaseException:
            await cls(process, await connecting).end()
            raise
        return worker

    @property
    def is_alive(self) -> bool:
        """Whether the process has neither ended nor been told to."""
        return not self._is_killed and self._process.poll() is None

    async def compute(self, job: MapJob, listener: Listener) -> MapAnswer | Refusal:
        """Have a job done; one that fails is answered by its refusal, and the process lives on.

        Cancelling this stops the job; a process that does not stop within a second is killed.

        Raises:
            MapFailed: The process ended.
        """
        self._number += 1
        self._listener, self._ending = listener, asyncio.get_running_loop().create_future()
        doing = asyncio.create_task(self._do(Task(self._number, job), self._ending))
        try:
            ending = await asyncio.shield(doing)
        except asyncio.CancelledError:
            await self._stop(doing)
            raise
        if isinstance(ending, JobStopped):
            raise AssertionError("a job stops when it is told to")
        return ending

    async def listen(self) -> None:
        """Hear what the process says, until it ends."""
        with suppress(MapFailed):
            while True:
                report = await self._receive()
                if isinstance(report, MapProgress):
                    self._listener(report)
                elif self._ending is not None and not isinstance(report, Ready):
                    self._ending.set_result(report)

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        self._is_killed = True
        self._process.kill()

    async def end(self) -> None:
        """Kill the process, wait for its end, and close its pipes; a job that it was doing fails."""
        self.kill()
        await asyncio.to_thread(self._process.wait)
        if self._ending is not None and not self._ending.done():
            self._ending.set_exception(_ended_early())
        await self._pipes.close()

    async def _do(self, task: Task, ending: "asyncio.Future[Ending]") -> Ending:
        await self._write(task)
        return await ending

    async def _stop(self, doing: "asyncio.Task[Ending]") -> None:
        """Have a job ended early; whatever it ends in is of no interest."""
        doing.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._write(Stop(self._number))
                await asyncio.wait([doing])
        except (TimeoutError, asyncio.CancelledError):
            self.kill()

    async def _write(self, message: Task | Stop) -> None:
        packed = memoryview(await asyncio.to_thread(pack, message))
        with suppress(ConnectionError):  # what it no longer reads, it will not answer either
            async with self._writing:
                for begin in range(0, len(packed), _CHUNK_BYTES):
                    self._pipes.jobs.write(packed[begin : begin + _CHUNK_BYTES])
                    await self._pipes.jobs.drain()

    async def _receive(self) -> Report:
        try:
            [length] = HEADER.unpack(await self._pipes.reports.readexactly(HEADER.size))
            report: Report = pickle.loads(await self._pipes.reports.readexactly(length))
        except asyncio.IncompleteReadError:
            raise _ended_early() from None
        return report


@dataclass(frozen=True)
class _Pipes:
    """The pipes to and from a process, for the event loop."""

    jobs: asyncio.StreamWriter
    reports: asyncio.StreamReader
    _incoming: asyncio.ReadTransport

    @classmethod
    async def of(cls, process: "Popen[bytes]") -> "_Pipes":
        loop, reports = asyncio.get_running_loop(), asyncio.StreamReader(_REPORT_BYTES)
        incoming, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reports), process.stdout)
        outgoing, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), process.stdin
        )
        return cls(asyncio.StreamWriter(outgoing, protocol, None, loop), reports, incoming)

    async def close(self) -> None:
        self._incoming.close()
        self.jobs.close()
        with suppress(ConnectionError):
            await self.jobs.wait_closed()


def _ended_early() -> MapFailed:
    return MapFailed("The process that computed the map ended early; try again.", headers={"Retry-After": "1"})


def _ignore(_: MapProgress) -> None:
    """Hear of progress that nobody asked for."""
