"""What was measured: as a file, as a table, and held against an earlier run."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.serving import machine
from benchmarks.serving.summary import Spread
from benchmarks.stages.timing import Figure

_VERSIONS = ("torch", "numpy", "orjson", "pysimdjson", "imagecodecs", "pillow", "fastapi", "uvloop")


@dataclass(frozen=True)
class Report:
    """The figures of one run, and where they come from."""

    machine: dict[str, Any]
    versions: dict[str, str]
    options: dict[str, Any]
    figures: list[Figure]

    @classmethod
    def of(cls, figures: Sequence[Figure], **options: Any) -> "Report":
        """The figures with this machine and the versions that matter."""
        return cls(machine.describe(), {name: version(name) for name in _VERSIONS}, options, list(figures))

    def save(self, path: Path) -> None:
        """Write JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Report":
        """Read what `save` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        figures = [
            Figure(**{**entry, "us": Spread(**entry["us"]), "relative": Spread(**entry["relative"])})
            for entry in document.pop("figures")
        ]
        return cls(**document, figures=figures)

    def heading(self) -> str:
        """One line: machine and versions."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        where = f"{self.machine['processor']}, {self.machine['cpus']} CPUs, Python {self.machine['python']}"
        return f"{where}, {versions}, {self.machine['date']}"


@dataclass(frozen=True)
class Change:
    """One stage now and in an earlier run, by their relative figures."""

    figure: Figure
    ratio: float
    """Median now over median then: 1.1 is a tenth slower."""
    is_apart: bool
    """Whether the ranges of the two runs do not even touch."""


def compare(now: Sequence[Figure], then: Sequence[Figure]) -> list[Change]:
    """The stages that both runs have, in the order of the first."""
    earlier = {(figure.group, figure.name): figure.relative for figure in then}
    changes = []
    for figure in now:
        if (old := earlier.get((figure.group, figure.name))) is not None:
            new = figure.relative
            is_apart = new.least > old.most or new.most < old.least
            changes.append(Change(figure, new.median / old.median, is_apart))
    return changes


def table_of(figures: Sequence[Figure], changes: Sequence[Change] = ()) -> Table:
    """A row for each stage; with changes, how it stands to the earlier run, `!` where the ranges are apart."""
    by_stage = {change.figure: change for change in changes}
    table = Table("stage", "", "per", "µs (median)", "least", "most", "x 10 steps", "least", "most")
    for column in table.columns[3:]:
        column.justify = "right"
    if changes:
        table.add_column("ratio", justify="right")
    group = ""
    for figure in figures:
        cells = [figure.group if figure.group != group else "", figure.name, figure.per]
        for spread in (figure.us, figure.relative):
            cells += [number(value) for value in (spread.median, spread.least, spread.most)]
        if changes:
            change = by_stage.get(figure)
            cells.append("new" if change is None else f"{change.ratio:.2f}{' !' if change.is_apart else ''}")
        table.add_row(*cells)
        group = figure.group
    return table


def number(value: float) -> str:
    """About three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"
