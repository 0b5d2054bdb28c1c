"""What one server is to the benchmark: how its environment is made, how it starts, and how it is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.protocol import Call
from benchmarks.serving.workloads import Task

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Launch:
    """What a server is started with."""

    python: Path
    """The interpreter of its environment."""
    port: int
    models_dir: Path
    model: Path
    """The TorchScript file, the same for all."""
    answer: Path
    """A file with an answer as long as ours, for who computes none."""
    folder: Path
    """An empty folder of its own, where it runs."""

    def tool(self, name: str) -> str:
        """A command that was installed into the environment."""
        return str(self.python.parent / name)


@dataclass(frozen=True)
class Variant:
    """One setting in which a peer is measured."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that its `server.py` or its start command read."""
    calls: Mapping[Task, Call] | None = None
    """What it can do, where that differs from the other variants."""


@dataclass(frozen=True)
class Peer:
    """One server, in one or more settings."""

    name: str
    command: Callable[[Launch, Variant], list[str]]
    """Writes what the server reads into the launch's folder, and returns what starts it."""
    calls: Mapping[Task, Call]
    variants: tuple[Variant, ...] = (Variant(""),)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its own files lie."""
        return PEERS / self.name

    @property
    def requirements(self) -> Path | None:
        """What its environment holds; None where it runs in the project's own."""
        path = self.folder / "requirements.txt"
        return path if path.exists() else None

    @property
    def is_ours(self) -> bool:
        """Whether it is measured to be compared with the others, not as one of them."""
        return self.requirements is None
