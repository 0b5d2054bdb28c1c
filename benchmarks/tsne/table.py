"""Results as Markdown: a table for each number of points and space, medians over repeats with least and most."""

from collections.abc import Sequence

from benchmarks.serving.summary import Spread
from benchmarks.tsne.contestants import OURS
from benchmarks.tsne.judge import Quality
from benchmarks.tsne.results import Results, Run

_HEAD = (
    "| t-SNE | wall s | times ours | CPU s | peak MB | KL | trustworthiness | 10-NN accuracy | silhouette |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)

_MEASURES = ("kl_divergence", "trustworthiness", "knn_accuracy", "silhouette")


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
    ours = {run.repeat: run.cost.wall_s for run in by_contestant.get(OURS.name, [])}
    return "\n".join([_HEAD, *(_row(name, found, ours) for name, found in by_contestant.items())])


def _row(name: str, runs: Sequence[Run], ours: dict[int, float]) -> str:
    wall = Spread.of([run.cost.wall_s for run in runs])
    ratios = [run.cost.wall_s / ours[run.repeat] for run in runs if run.repeat in ours]
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
