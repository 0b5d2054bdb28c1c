"""Medians over repeats, with their range, for every server and workload."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving.results import Figures, Results
from benchmarks.serving.workloads import WORKLOADS, Workload


@dataclass(frozen=True)
class Spread:
    """The median of some repeats, and the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Row:
    """One server in one workload."""

    workload: str
    server: str
    requests_per_s: Spread
    images_per_s: Spread
    p50_ms: Spread
    p99_ms: Spread
    cpu_us: Spread
    rss_mb: Spread
    peak_rss_mb: Spread
    repeats: tuple[Figures, ...]
    """In the order in which they were measured: those of equal place were measured side by side."""

    @property
    def peer(self) -> str:
        """The server's name without its setting."""
        return self.server.partition("/")[0]


def summarise(results: Results) -> dict[Workload, list[Row]]:
    """The rows of every workload that was measured, fastest first. Who failed in any repeat has no row."""
    tables: dict[Workload, list[Row]] = {}
    for workload in WORKLOADS:
        figures: dict[str, list[Figures]] = {}
        for entry in results.measurements:
            if entry.workload == workload.name and not results.has_failed(entry.server, workload.name):
                figures.setdefault(entry.server, []).append(entry.figures)
        if figures:
            rows = [_row(workload, server, repeats) for server, repeats in figures.items()]
            tables[workload] = sorted(rows, key=lambda row: -row.requests_per_s.median)
    return tables


def _row(workload: Workload, server: str, repeats: Sequence[Figures]) -> Row:
    def spread(name: str, factor: int = 1) -> Spread:
        return Spread.of([getattr(figures, name) * factor for figures in repeats])

    return Row(
        workload.name, server, spread("requests_per_s"), spread("requests_per_s", workload.images), spread("p50_ms"),
        spread("p99_ms"), spread("cpu_us"), spread("rss_mb"), spread("peak_rss_mb"), tuple(repeats),
    )  # fmt: skip
