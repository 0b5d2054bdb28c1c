"""How fast t-SNE is, and how good its maps, beside scikit-learn's and openTSNE's.

python -m benchmarks.tsne --data-root DIR --models-dir DIR --output DIR [--sizes 500,2000] [--repeats 3]
python -m benchmarks.tsne --output DIR --redraw
"""

import argparse
import sys
from pathlib import Path

from benchmarks.tsne.contestants import CONTESTANTS, run
from benchmarks.tsne.judge import Judge
from benchmarks.tsne.results import Results, Run
from benchmarks.tsne.table import to_markdown
from benchmarks.tsne.vectors import SPACES, Vectors

SIZES = [500, 2_000, 10_000, 70_000]


def main() -> None:
    """Run the benchmark, or only print what an earlier run has found."""
    parser = _parser()
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "tsne.json"
    if not options.redraw:
        if options.data_root is None or options.models_dir is None:
            parser.error("--data-root and --models-dir are needed")
        _run(options, path)
    text = to_markdown(Results.load(path))
    (options.output / "tsne.md").write_text(text, encoding="utf-8")
    print(text)


def _run(options: argparse.Namespace, path: Path) -> None:
    """Every contestant in turn, again and again, so that what disturbs the machine disturbs all."""
    vectors = Vectors.load(options.data_root, options.models_dir)
    results = Results.here(repeats=options.repeats)
    chosen = [contestant for contestant in CONTESTANTS if contestant.peer in options.peers.split(",")]
    for size in map(int, options.sizes.split(",")):
        for space in options.spaces.split(","):
            for repeat in range(options.repeats):
                spaces, labels = vectors.take(space, size, draw=repeat)
                judge = Judge(spaces[0], labels) if len(spaces) == 1 else None
                for contestant in chosen:
                    cost, maps = run(contestant, spaces, seed=repeat)
                    quality = judge.measure(maps[0]) if judge else None
                    results.runs.append(Run(size, space, contestant.name, repeat, cost, quality))
                    print(results.runs[-1], file=sys.stderr)
                    results.save(path)  # what was measured until an interruption can be printed, too


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.tsne", description="t-SNE beside its peers.")
    parser.add_argument("--data-root", type=Path, help="folder with MNIST in torchvision's layout")
    parser.add_argument("--models-dir", type=Path, help="folder of bundles; one trained on MNIST must come first")
    parser.add_argument("--output", type=Path, required=True, help="folder for tsne.json and tsne.md")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--spaces", default=",".join(SPACES))
    parser.add_argument("--peers", default="hourglass,scikit_learn,opentsne")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--redraw", action="store_true", help="measure nothing; print what --output holds")
    return parser


if __name__ == "__main__":
    main()
