"""What clients ask for: the kinds of requests, and how many of them come at once."""

from dataclasses import dataclass
from enum import StrEnum

BATCH = 256
"""Images of one request of the batch workloads."""


class Task(StrEnum):
    """One kind of request, answered with latents in JSON where it says no more.

    The peers say, for each that they know, what their protocol makes of it.
    """

    NUMBERS = "one image as JSON numbers"
    NUMBERS_BATCH = "256 images as JSON numbers"
    PNG = "one PNG file"
    REBUILD = "one PNG file, answered with its reconstruction as PNG"
    NPY_BATCH = "256 images as uint8 .npy, answered with .npy"


@dataclass(frozen=True)
class Workload:
    """A task from several connections, each of which sends its next request once it has its answer."""

    name: str
    task: Task
    connections: int

    @property
    def images(self) -> int:
        """Images of one request."""
        return BATCH if self.task in {Task.NUMBERS_BATCH, Task.NPY_BATCH} else 1

    @property
    def is_alone(self) -> bool:
        """Whether a lone client waits for each answer: then latency is what counts."""
        return self.connections == 1


WORKLOADS = [
    Workload("json-1", Task.NUMBERS, 64),
    Workload("json-1-alone", Task.NUMBERS, 1),
    Workload("png-1", Task.PNG, 64),
    Workload("png-1-alone", Task.PNG, 1),
    Workload("reconstruct-png", Task.REBUILD, 16),
    Workload("json-256", Task.NUMBERS_BATCH, 4),
    Workload("npy-256", Task.NPY_BATCH, 4),
]
