"""One map process as its parent sees it."""

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from service.errors import MapFailed, Refusal
from service.map_messages import HEADER, pack
from service.maps import MapAnswer, MapJob

COMMAND = (sys.executable, "-P", "-m", "service.map_process")
"""`-P`: never import from the folder that the service happens to be started in."""
_ROOT = str(Path(__file__).parents[1])
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR")}
_CHUNK_BYTES = 2**18
"""Written at once, so that a large job never holds the event loop up."""
_ANSWER_BYTES = 2**26
"""Read ahead, so that a process's pipe is empty, and can be closed, whenever the process ends."""
_START_TIMEOUT_S = 120.0


class MapWorker:
    """A process that is warm, and computes one job at a time."""

    def __init__(self, process: Process, jobs: asyncio.StreamWriter, answers: asyncio.StreamReader) -> None:
        self._process, self._jobs, self._answers = process, jobs, answers
        self.pid = process.pid

    @classmethod
    async def start(cls, command: Sequence[str] = COMMAND) -> "MapWorker":
        """Start a process and wait until it is warm.

        Raises:
            MapFailed: It ended before.
            TimeoutError: It took longer than two minutes.
        """
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, limit=_ANSWER_BYTES, env=_environment()
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both were asked for")
        worker = cls(process, process.stdin, process.stdout)
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await worker._receive()
        except BaseException:
            worker.kill()
            await worker.ended()
            raise
        return worker

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended, as the system knows before asyncio does."""
        if self._process.returncode is not None or not hasattr(os, "waitid"):
            return self._process.returncode is None
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:  # its end was taken note of a moment ago
            return False

    async def compute(self, job: MapJob) -> MapAnswer | Refusal:
        """Have a job done; a job that fails is answered by its refusal, and the process lives on.

        Raises:
            MapFailed: The process ended.
        """
        message = memoryview(await asyncio.to_thread(pack, job))
        with suppress(ConnectionError):  # what it no longer reads, it will not answer either
            for begin in range(0, len(message), _CHUNK_BYTES):
                self._jobs.write(message[begin : begin + _CHUNK_BYTES])
                await self._jobs.drain()
        answer: MapAnswer | Refusal = await self._receive()
        return answer

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        if self.is_alive:  # else subprocess would take note of its end, which asyncio then misses
            with suppress(ProcessLookupError):
                self._process.kill()

    async def ended(self) -> None:
        """Wait for the end of the process, and close its pipes."""
        await self._process.wait()
        self._jobs.close()
        with suppress(ConnectionError):
            await self._jobs.wait_closed()

    async def _receive(self) -> Any:
        try:
            [length] = HEADER.unpack(await self._answers.readexactly(HEADER.size))
            return pickle.loads(await self._answers.readexactly(length))
        except asyncio.IncompleteReadError:
            detail = "The process that computed the map ended early; try again."
            raise MapFailed(detail, headers={"Retry-After": "1"}) from None


def _environment() -> dict[str, str]:
    """The parent's environment, with the repository on the path and one thread."""
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    return {**os.environ, **_ONE_THREAD, "PYTHONPATH": path}
