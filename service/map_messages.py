"""What the service and its map processes say to each other: the length of a pickle, then the pickle.

A process says `Ready` once. It is given a `Task`, and answers with any number of `MapProgress`, and in the end with a
`MapAnswer`, the `Refusal` that the job ended in, or `JobStopped` where it was told to `Stop`.
"""

import pickle
import struct
from dataclasses import dataclass
from typing import TypeAlias

from service.errors import Refusal
from service.maps import MapAnswer, MapJob, MapProgress

HEADER = struct.Struct(">Q")


@dataclass(frozen=True)
class Task:
    """A job under a number that its process has not had before, and that is larger than those."""

    number: int
    job: MapJob


@dataclass(frozen=True)
class Stop:
    """The wish that a job end early; it may come when that has ended."""

    number: int


@dataclass(frozen=True)
class Ready:
    """All that a job needs is loaded, compiled, and was used once."""


@dataclass(frozen=True)
class JobStopped:
    """The job was ended early."""


Ending: TypeAlias = MapAnswer | Refusal | JobStopped
Report: TypeAlias = Ready | MapProgress | Ending


def pack(message: object) -> bytes:
    """A message as it travels."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(body)) + body
