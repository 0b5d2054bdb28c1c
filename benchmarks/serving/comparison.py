"""What the figures say about ours: how many times as fast as whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.serving.contestants import FLOOR, IN_PROCESS
from benchmarks.serving.results import Figures
from benchmarks.serving.summary import Row, Spread
from benchmarks.serving.workloads import Workload

OURS, PLAIN = "hourglass", "fastapi"


@dataclass(frozen=True)
class Comparison:
    """One figure of ours held against one of another server."""

    workload: str
    what: str
    other: str
    """The other server, in the setting that is best for it."""
    value: Spread
    """Of the repeats: each is compared with the one that was measured beside it."""
    unit: str

    def __str__(self) -> str:
        spread = f"{self.value.median:.2f} ({self.value.least:.2f} to {self.value.most:.2f})"
        return f"{self.what} ({self.other}): {spread} {self.unit}"


def compare(workload: Workload, rows: Sequence[Row]) -> list[Comparison]:
    """Everything that is claimed about ours in one workload; nothing where ours was not measured."""
    ours = next((row for row in rows if row.server == OURS), None)
    if ours is None:
        return []
    peers = [row for row in rows if row.peer not in {OURS, FLOOR, IN_PROCESS}]
    found = []

    def add(what: str, others: Sequence[Row], figure: Callable[[Figures, Figures], float], unit: str) -> None:
        if others:
            other, *_ = others
            pairs = zip(ours.repeats, other.repeats, strict=False)
            value = Spread.of([figure(own, its) for own, its in pairs])
            found.append(Comparison(workload.name, what, other.server, value, unit))

    by_rate = sorted(peers, key=lambda row: -row.requests_per_s.median)
    by_latency = sorted(peers, key=lambda row: row.p50_ms.median)
    add("requests/s over the best peer's", by_rate, _rate, "times")
    add("requests/s over plain FastAPI's", [row for row in by_rate if row.peer == PLAIN], _rate, "times")
    floor = [row for row in rows if row.server == FLOOR]
    add("requests/s over a constant answer's", floor, _rate, "times")
    add("images/s over the model's alone", [row for row in rows if row.server == IN_PROCESS], _rate, "times")
    add("p99 over the quickest peer's p50", by_latency, lambda own, its: own.p99_ms / its.p50_ms, "times")
    if workload.is_alone:
        add("p50 less a constant answer's", floor, lambda own, its: own.p50_ms - its.p50_ms, "ms")
    return found


def _rate(own: Figures, other: Figures) -> float:
    return own.requests_per_s / other.requests_per_s
