"""The process that computes maps: `python -m service.map_process`, launched and fed through its pipes by its parent.

Unpickling messages is safe here since only the parent holds the other ends. The process ends with its standard input,
and so with its parent, in the middle of loading or of a job too.
"""

import importlib
import logging
import os
import pickle
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO

import numpy as np

from service.errors import InternalError, Refusal
from service.map_messages import HEADER, Ending, JobStopped, Ready, Report, Stop, Task, pack
from service.map_pace import Pace
from service.maps import MIN_POINTS, MapJob, MapProgress

NICENESS = 15
"""Added to that of the processes; beside others with 0 it leaves a map a thirtieth of a busy CPU."""
_log = logging.getLogger("hourglass.map_process")


def main() -> None:
    """Warm up, say so, then do one job after the other, for ever."""
    reports = _take_standard_output()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    inbox = Inbox(sys.stdin.buffer)
    _warm_up()
    _step_back()

    def send(report: Report) -> None:
        reports.write(pack(report))
        reports.flush()

    send(Ready())
    Thread(target=importlib.import_module, args=("service.plots",), daemon=True).start()
    while True:
        task = inbox.next_task()
        send(_do(task.job, partial(inbox.is_stopped, task.number), send))


def _warm_up() -> None:
    """Load, and where need be compile, what every kind of map takes, so that the first is as quick as others."""
    from service.layout import compute  # noqa: PLC0415  (takes long, in which the end of the input must be seen)
    from service.tsne import warm_up  # noqa: PLC0415

    warm_up()
    points = np.random.default_rng(0).random((MIN_POINTS, 2), np.float32)
    compute(MapJob({"latent": points}, labels=("a", "b", "a", "b"), iterations=1))


class Inbox:
    """What the parent says, read while a job is done: so a stop counts, and the end of the input ends the process."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._tasks = source, SimpleQueue[Task]()
        self._stopped = 0
        """All jobs up to this number shall end."""
        Thread(target=self._read, daemon=True).start()

    def next_task(self) -> Task:
        """The next job, as soon as there is one."""
        return self._tasks.get()

    def is_stopped(self, number: int) -> bool:
        """Whether this job shall end early."""
        return number <= self._stopped

    def _read(self) -> None:
        while len(header := self._source.read(HEADER.size)) == HEADER.size:
            [length] = HEADER.unpack(header)
            if len(packed := self._source.read(length)) < length:  # the parent ended in the middle of a message
                break
            message: Task | Stop = pickle.loads(packed)
            if isinstance(message, Stop):
                self._stopped = message.number
            else:
                self._tasks.put(message)
        os._exit(0)


def _do(job: MapJob, is_stopped: Callable[[], bool], send: Callable[[MapProgress], None]) -> Ending:
    """Do a job; one that fails is answered so, and its traceback goes to standard error."""
    from service import layout  # noqa: PLC0415  (loaded by now)
    from service.tsne import Stopped  # noqa: PLC0415

    try:
        return layout.compute(job, Pace(job, is_stopped, send))
    except Stopped:
        return JobStopped()
    except Refusal as refusal:
        return refusal
    except Exception:
        _log.exception("A map failed.")
        return InternalError("The map could not be computed from these points; the log of the service says why.")


def _take_standard_output() -> BinaryIO:
    """The pipe to the parent; whatever else prints, Python or a library, then prints to standard error."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return reports


def _step_back() -> None:
    """From now on compute behind others, and yet go on where they take all CPUs, which idle priority would not."""
    threads = Path("/proc/self/task")
    if threads.is_dir():  # on Linux each has a priority of its own; those that it starts inherit it
        for thread in threads.iterdir():
            with suppress(ProcessLookupError):  # it has just ended
                os.setpriority(os.PRIO_PROCESS, int(thread.name), NICENESS)
    elif hasattr(os, "nice"):
        os.nice(NICENESS)


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    main()
