"""What a run of the benchmark found, and the JSON file that keeps it."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE_NAME = "serving.json"


@dataclass(frozen=True)
class Figures:
    """One server under one workload for some seconds. Memory is of the whole tree of processes."""

    requests_per_s: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float
    """CPU time a request, in microseconds, over all processes of the server."""
    rss_mb: float
    peak_rss_mb: float


@dataclass(frozen=True)
class Measurement:
    """The figures of one repeat."""

    workload: str
    server: str
    repeat: int
    figures: Figures


@dataclass(frozen=True)
class Failure:
    """A server that could not be measured: at all, or in one workload."""

    server: str
    workload: str | None
    reason: str


@dataclass
class Results:
    """Everything that is written down."""

    machine: dict[str, Any]
    options: dict[str, Any]
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    """For every peer all distributions of its environment."""
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """For every workload, the servers whose protocol has no such request."""
    failures: list[Failure] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    def has_failed(self, server: str, workload: str) -> bool:
        """Whether a server failed, as a whole or in this workload."""
        return any(failure.server == server and failure.workload in {None, workload} for failure in self.failures)

    def save(self, folder: Path, **more: Any) -> Path:
        """Write all of it, and what was made of it, into a folder."""
        path = folder / FILE_NAME
        path.write_text(json.dumps({**dataclasses.asdict(self), **more}, indent=1) + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, folder: Path) -> "Results":
        """Read what `save` wrote."""
        document = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        known = {entry.name: document[entry.name] for entry in dataclasses.fields(cls)}
        known["failures"] = [Failure(**entry) for entry in known["failures"]]
        known["measurements"] = [
            Measurement(**{**entry, "figures": Figures(**entry["figures"])}) for entry in known["measurements"]
        ]
        return cls(**known)
