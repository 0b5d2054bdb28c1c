"""Latents as clients send them, in JSON or as an array."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.arrays import Latents
from service.errors import MAX_FAULTS, Fault, OutOfRange, Refusal, WrongShape
from service.image_input import check_count
from service.json_body import JsonObject

_RULE = "numbers must be finite and fit 32-bit floats"


@dataclass(frozen=True)
class LatentReader:
    """Turns latents of any form into an array of one model's latent size, within the limits."""

    latent_dim: int
    max_latents: int

    def from_json(self, body: JsonObject) -> Latents:
        """The member `latents` of a body: one list of numbers each -> (batch, latent_dim).

        Raises:
            InvalidBody: No latents.
            WrongShape, OutOfRange: Pointing at the latents that are wrong.
        """
        if (even := self.from_numbers(body)) is not None:
            return even
        items = body.items_of("latents")
        latents = np.empty((len(items), self.latent_dim), np.float64)
        faults: list[Fault] = []
        for index, array in enumerate(body.arrays(items, self.latent_dim)):
            if isinstance(array, Refusal) or array.shape != (self.latent_dim,):
                got = array.detail if isinstance(array, Refusal) else f"got {list(array.shape)}"
                faults.append(Fault(f"expected {self.latent_dim} numbers; {got}", f"#/latents/{index}"))
                if len(faults) == MAX_FAULTS:
                    break
            else:
                latents[index] = array
        if faults:
            raise WrongShape(f"Every latent of this model is a list of {self.latent_dim} numbers.", faults)
        return self._checked(latents)

    def from_numbers(self, body: JsonObject) -> Latents | None:
        """The member `latents` where all of it is numbers in lists of the right length; None where it is not.

        Raises:
            InvalidBody: No latents.
            TooManyImages, OutOfRange: Of too many, or of numbers that are too large.
        """
        check_count(body.count_of("latents"), self.max_latents, "latents")
        array = body.even_array("latents", ((self.latent_dim,),))
        return None if array is None else self._checked(array)

    def from_array(self, array: NDArray[Any]) -> Latents:
        """An array of floats shaped (n, latent_dim).

        Raises:
            WrongShape: Of another shape or dtype.
            OutOfRange: Not all numbers fit 32-bit floats; the faults point at the latents.
        """
        if array.ndim != 2 or array.shape[1] != self.latent_dim:
            raise WrongShape(f"Expected an array shaped [n, {self.latent_dim}], got {list(array.shape)}.")
        if array.dtype.kind != "f":
            raise WrongShape("Expected an array of floats.")
        check_count(len(array), self.max_latents, "latents")
        return self._checked(array)

    def _checked(self, numbers: NDArray[Any]) -> Latents:
        with np.errstate(over="ignore", invalid="ignore"):
            latents = numbers.astype(np.float32)
        outside = np.flatnonzero(~np.isfinite(latents).all(axis=1))
        if len(outside):
            faults = [Fault(_RULE, f"#/latents/{index}") for index in outside[:MAX_FAULTS]]
            raise OutOfRange(f"In latents {_RULE}.", faults)
        return latents
