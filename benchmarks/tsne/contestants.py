"""Who takes part, and one run of one of them in a process of its own."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.environment import ROOT, prepare_environment

_PINS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Contestant:
    """A t-SNE in one setting."""

    peer: str
    """The module in `peers`."""
    setting: str

    @property
    def name(self) -> str:
        """As tables give it."""
        return f"{self.peer}, {self.setting}"

    @property
    def python(self) -> Path:
        """The interpreter of its environment: the project's own, where it has no pins."""
        pins = _PINS / f"{self.peer}.txt"
        return prepare_environment(self.peer, pins if pins.exists() else None)


OURS = Contestant("hourglass", "defaults")
CONTESTANTS = (
    OURS,
    Contestant("scikit_learn", "defaults (1,000 steps)"),
    Contestant("scikit_learn", "750 steps, all threads"),
    Contestant("opentsne", "defaults (750 steps)"),
    Contestant("opentsne", "750 steps, all threads"),
)


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    """The most memory that the process held, its libraries and the vectors included."""


def run(
    contestant: Contestant, spaces: Sequence[NDArray[np.float32]], seed: int
) -> tuple[Cost, list[NDArray[np.float32]]]:
    """Lay vectors of each space out once, after small maps that warm everything up; a map is (n_samples, 2).

    Raises:
        subprocess.CalledProcessError: The process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        for place, features in enumerate(spaces):
            np.save(Path(folder) / f"features-{place:03}.npy", features)
        what = [contestant.peer, contestant.setting, str(seed), folder]
        command = [str(contestant.python), "-m", "benchmarks.tsne.child", *what]
        output = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
        maps = [np.load(Path(folder) / f"map-{place:03}.npy") for place in range(len(spaces))]
        return Cost(**json.loads(output)), maps
