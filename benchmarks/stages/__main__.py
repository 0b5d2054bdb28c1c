"""How long each stage of a request takes, within this process, so that a regression shows where it is.

python -m benchmarks.stages --data-root DIR --models-dir DIR [--repeats N] [--output FILE.json] [--compare FILE.json]

Figures are microseconds of CPU time a request or an image (one stage, which says so, has wall time), and the same
relative to pure Python timed beside it; `benchmarks/stages/timing.py` explains why. Repeats are interleaved; medians
and ranges are printed. `--compare` prints how the relative figures stand to those of an earlier run.
"""

import argparse
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from rich.console import Console

from benchmarks.serving.pictures import Picture, load_pictures
from benchmarks.serving.workloads import BATCH
from benchmarks.stages import batching, computing, decoding, placing, whole, writing
from benchmarks.stages.report import Report, compare, table_of
from benchmarks.stages.scene import set_up
from benchmarks.stages.timing import measure

GROUPS = (decoding, batching, computing, placing, writing, whole)
SAMPLE_S = 0.02


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every stage, print a table, and keep it."""
    options = _parser().parse_args(arguments)
    then = Report.load(options.compare) if options.compare else None
    report = run(options.models_dir, load_pictures(options.data_root, BATCH), options.repeats)
    if options.output:
        report.save(options.output)
    console = Console(width=150)
    console.print(report.heading(), highlight=False)
    if then is not None:
        console.print(f"compared with: {then.heading()}", highlight=False)
    console.print(table_of(report.figures, compare(report.figures, then.figures) if then else ()))


def run(models_dir: Path, pictures: Sequence[Picture], repeats: int, sample_s: float = SAMPLE_S) -> Report:
    """Time every stage with the default model of a folder, asked about pictures of its size."""
    with set_up(models_dir, pictures) as scene:
        stages = list(chain.from_iterable(group.stages(scene) for group in GROUPS))
        figures = measure(stages, repeats, sample_s)
    return Report.of(figures, repeats=repeats, sample_s=sample_s)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.stages", description="Each stage of a request.")
    parser.add_argument("--data-root", type=Path, required=True, help="folder with MNIST in torchvision's layout")
    parser.add_argument("--models-dir", type=Path, required=True, help="folder of bundles; its default is of MNIST")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--output", type=Path, help="a JSON file for the figures")
    parser.add_argument("--compare", type=Path, help="what --output wrote in an earlier run")
    return parser


if __name__ == "__main__":
    main()
