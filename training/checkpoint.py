"""Saving a run that is under way, and taking it up again."""

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from service.errors import TrainingError
from training.config import Config
from training.resolve import from_dict

# What torch raises for a file that is no checkpoint, or half of one.
_READING_ERRORS = (RuntimeError, LookupError, ValueError, TypeError, EOFError, OSError, pickle.UnpicklingError)


@dataclass(frozen=True)
class Checkpoint:
    """A run as it stood: what it was told, what it was shown, and how far it got."""

    config: Config
    fingerprint: str
    """Of the data set, so that a run is not continued on other images."""
    fit: dict[str, Any]
    """`FitState.state_dict`."""

    def save(self, path: Path) -> None:
        """Write the checkpoint beside its place, then rename it: a kill leaves the old one or the new one.

        Raises:
            TrainingError: It cannot be written.
        """
        content = {"config": self.config.to_dict(), "fingerprint": self.fingerprint, "fit": self.fit}
        beside = path.with_suffix(".partial")
        try:
            with beside.open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except (OSError, RuntimeError) as error:
            raise TrainingError(f"{path} cannot be written: {error}") from error

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint, as data only.

        Raises:
            TrainingError: There is none, or it cannot be read.
        """
        if not path.exists():
            raise TrainingError(f"there is nothing to resume: {path} does not exist")
        try:
            content = torch.load(path, weights_only=True)
            return cls(from_dict(content["config"]), content["fingerprint"], content["fit"])
        except _READING_ERRORS as error:
            raise TrainingError(f"{path} is no readable checkpoint: train without --resume") from error
