"""The process that computes maps: `python -m service.map_process`, started by `map_pool` and fed through its pipes.

Each message is the length of a pickle and the pickle; unpickling is safe here since only the parent holds the other
ends. The process ends with its standard input, and so with its parent, in the middle of a job too.
"""

import logging
import os
import pickle
import signal
import sys
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO

import numpy as np

from service.errors import InternalError, Refusal
from service.layout import compute
from service.map_messages import HEADER, pack
from service.maps import MIN_POINTS, MapAnswer, MapJob

_NICENESS = 10
_log = logging.getLogger("hourglass.map_process")


def main() -> None:
    """Warm up, say so with a first message, then answer one job after the other, for ever."""
    answers = _take_standard_output()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    jobs: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_receive, args=(sys.stdin.buffer, jobs), daemon=True).start()
    _warm_up()
    _send(answers, None)
    while True:
        _send(answers, _answer(jobs.get()))


def _answer(message: bytes) -> MapAnswer | Refusal:
    """Do a job; a job that fails is answered so, and its traceback goes to standard error."""
    try:
        job: MapJob = pickle.loads(message)
        return compute(job)
    except Refusal as refusal:
        return refusal
    except Exception:
        _log.exception("A map failed.")
        return InternalError("The map could not be computed from these points; the log of the service says why.")


def _receive(source: BinaryIO, jobs: "SimpleQueue[bytes]") -> None:
    """Read jobs while one is computed, so that the end of the input is seen at once."""
    while len(header := source.read(HEADER.size)) == HEADER.size:
        jobs.put(source.read(*HEADER.unpack(header)))
    os._exit(0)


def _send(answers: BinaryIO, message: object) -> None:
    answers.write(pack(message))
    answers.flush()


def _take_standard_output() -> BinaryIO:
    """The pipe to the parent; whatever else prints, Python or a library, then prints to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _warm_up() -> None:
    """Load and use all that a job needs once, so that the first job is not slower than others."""
    points = np.eye(MIN_POINTS, dtype=np.float32)
    compute(MapJob({"latent": points}, labels=("a", "b", "a", "b"), iterations=250, picture="png"))


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    main()
