"""Results as Markdown: a table for each number of points and space, medians over repeats with least and most."""

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.serving.summary import Spread
from benchmarks.tsne.contestants import OURS
from benchmarks.tsne.judge import Quality
from benchmarks.tsne.results import Results, Run

_HEAD = (
    "| t-SNE | wall s | times ours | CPU s | peak MB | KL | trustworthiness | 10-NN accuracy | silhouette |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)

_MEASURES = ("kl_divergence", "trustworthiness", "knn_accuracy", "silhouette")
_DIFFERENCE_HEAD = """Ours less the others', pair by pair: means over the draws, with their standard errors.

| ours beside | KL, % | trustworthiness | 10-NN accuracy, points |
| --- | ---: | ---: | ---: |
"""
_MIN_PAIRS = 4
"""Draws from which a mean of differences says something."""


def to_markdown(results: Results) -> str:
    """The heading with machine and versions, then every table."""
    where = results.machine
    versions = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    heading = (
        f"{where['processor']}, {where['cpus']} CPUs, {where['memory_gb']} GiB, {where['system']}, Python "
        f"{where['python']}, {versions}, {where['date']}; medians of up to {results.repeats} interleaved repeats "
        "(least to most)."
    )
    groups: dict[tuple[int, str], list[Run]] = {}
    for run in results.runs:
        groups.setdefault((run.points, run.space), []).append(run)
    names = {"image": "image space", "latent": "latent space", "both": "both spaces"}
    tables = [f"### {points:,} points, {names[space]}\n\n{_table(runs)}" for (points, space), runs in groups.items()]
    return "\n\n".join([heading, *tables]) + "\n"


def _table(runs: Sequence[Run]) -> str:
    by_contestant: dict[str, list[Run]] = {}
    for run in runs:
        by_contestant.setdefault(run.contestant, []).append(run)
    ours = {run.repeat: run for run in by_contestant.pop(OURS.name, [])}
    rows = [_row(OURS.name, list(ours.values()), ours)] if ours else []
    rows += [_row(name, found, ours) for name, found in by_contestant.items()]
    pairs = {
        name: [(mine, run.quality) for run in found if (mine := _quality(ours.get(run.repeat))) and run.quality]
        for name, found in by_contestant.items()
    }
    return "\n\n".join(filter(None, ["\n".join([_HEAD, *rows]), differences(pairs)]))


def _quality(run: Run | None) -> Quality | None:
    return run.quality if run else None


def differences(pairs: Mapping[str, Sequence[tuple[Quality, Quality]]]) -> str:
    """How much better or worse our maps are than those of others, by name, of the same vectors.

    Empty where too few tell.
    """
    rows = [
        f"| {name} | {' | '.join(_difference(found))} |" for name, found in pairs.items() if len(found) >= _MIN_PAIRS
    ]
    return _DIFFERENCE_HEAD + "\n".join(rows) if rows else ""


def _difference(pairs: Sequence[tuple[Quality, Quality]]) -> list[str]:
    return [
        _mean([100 * (mine.kl_divergence / other.kl_divergence - 1) for mine, other in pairs], 2),
        _mean([mine.trustworthiness - other.trustworthiness for mine, other in pairs], 4),
        _mean([100 * (mine.knn_accuracy - other.knn_accuracy) for mine, other in pairs], 2),
    ]


def _mean(values: Sequence[float], digits: int) -> str:
    """The mean with its standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):+.{digits}f} ± {error:.{digits}f}"


def _row(name: str, runs: Sequence[Run], ours: Mapping[int, Run]) -> str:
    wall = Spread.of([run.cost.wall_s for run in runs])
    ratios = [run.cost.wall_s / ours[run.repeat].cost.wall_s for run in runs if run.repeat in ours]
    cells = [
        f"**{name}**" if name == OURS.name else name,
        f"{wall.median:.2f} ({wall.least:.2f} to {wall.most:.2f})",
        f"{Spread.of(ratios).median:.1f}" if ratios else "",
        f"{Spread.of([run.cost.cpu_s for run in runs]).median:.2f}",
        f"{Spread.of([run.cost.peak_mb for run in runs]).median:,.0f}",
        *(_middle([run.quality for run in runs], measure) for measure in _MEASURES),
    ]
    return f"| {' | '.join(cells)} |"


def _middle(qualities: Sequence[Quality | None], measure: str) -> str:
    values = [getattr(quality, measure) for quality in qualities if quality]
    return f"{Spread.of(values).median:.4f}" if values else ""
