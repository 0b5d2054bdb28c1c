"""What was measured, as a file."""

import dataclasses
import json
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.serving import machine
from benchmarks.tsne.contestants import Cost
from benchmarks.tsne.judge import Quality

_PINS = Path(__file__).parent / "peers" / "opentsne.txt"


@dataclass(frozen=True)
class Run:
    """One map of one contestant, or its maps of both spaces."""

    points: int
    space: str
    contestant: str
    repeat: int
    cost: Cost
    quality: Quality | None
    """None for both spaces; of each its own runs tell."""


@dataclass(frozen=True)
class Results:
    """All runs, and what they were made on."""

    machine: dict[str, Any]
    versions: dict[str, str]
    repeats: int
    runs: list[Run] = field(default_factory=list)

    @classmethod
    def here(cls, repeats: int) -> "Results":
        """No runs yet, on this machine."""
        pinned = dict(line.split("==") for line in _PINS.read_text(encoding="utf-8").split())
        ours = {name: version(name) for name in ("numba", "numpy", "scipy", "scikit-learn")}
        return cls(machine.describe(), ours | {"openTSNE": pinned["openTSNE"]}, repeats)

    def save(self, path: Path) -> None:
        """Write JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read what `save` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        runs = [
            Run(**{**entry, "cost": Cost(**entry["cost"]), "quality": entry["quality"] and Quality(**entry["quality"])})
            for entry in document.pop("runs")
        ]
        return cls(**document, runs=runs)
