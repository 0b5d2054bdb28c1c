"""What a route does with the images or latents of one request: computed in a batch with others', then written."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from service.answer import Answer
from service.batcher import Batcher
from service.deadline import Deadline
from service.inputs import Inputs, Kind
from service.served import ServedModel
from service.waiting import Numbers, Rows


@dataclass(slots=True)
class Asked:
    """What one request brings, and what its answer must be."""

    model: ServedModel
    inputs: Inputs
    media_type: str
    deadline: Deadline

    @property
    def rows(self) -> Rows:
        """The images or latents, whichever there are."""
        return self.inputs.images if self.inputs.kind == Kind.IMAGES else self.inputs.latents


@dataclass(frozen=True)
class Operation(ABC):
    """One verb with its options, the same for all requests whose query asks for it so.

    It knows nothing of how a request came: what it does is done for every way that leads to it.
    """

    name: ClassVar[str]
    takes: ClassVar[frozenset[Kind]]
    offers: ClassVar[tuple[str, ...]]
    """The media types of the answer, the preferred one first."""

    @abstractmethod
    def batcher(self, model: ServedModel) -> Batcher:
        """Where a model computes it."""

    @abstractmethod
    def answer_values(self, model: ServedModel) -> int:
        """Numbers in the answer for one row."""

    @abstractmethod
    def answer(self, asked: Asked, computed: Numbers) -> Answer:
        """Make the answer of what was computed for the rows of one request, `(rows, ...)`.

        Raises:
            OutOfRange: What was computed is not finite.
            DeadlineExceeded: Making it took too long.
        """

    def answer_parts(self, asked: Asked, computed: list[Numbers]) -> Answer:
        """Make the answer of what several batches computed."""
        return self.answer(asked, computed[0] if len(computed) == 1 else np.concatenate(computed))
