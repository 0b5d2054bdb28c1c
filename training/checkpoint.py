"""Saving a run that is under way, and taking it up again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from service.errors import TrainingError
from training.config import Config, from_dict


@dataclass(frozen=True)
class Checkpoint:
    """A run as it stood: what it was told, what it was shown, and how far it got."""

    config: Config
    fingerprint: str
    """Of the data set, so that a run is not continued on other images."""
    fit: dict[str, Any]
    """`FitState.state_dict`."""

    def save(self, path: Path) -> None:
        """Write the checkpoint beside its place, then rename it: a kill leaves the old one or the new one."""
        content = {"config": self.config.to_dict(), "fingerprint": self.fingerprint, "fit": self.fit}
        beside = path.with_suffix(".partial")
        torch.save(content, beside)
        beside.replace(path)

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
        except (RuntimeError, KeyError, EOFError, OSError) as error:
            raise TrainingError(f"{path} is no readable checkpoint: train without --resume") from error
