"""The quality of maps of few points: many draws of images, of which every contestant lays out each.

python -m benchmarks.tsne.draws --data-root DIR --models-dir DIR [--points 500] [--draws 100] [--output FILE.json]

One process of each contestant lays all draws out, so that little time goes by for starting; times mean nothing here.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from benchmarks.tsne.contestants import CONTESTANTS, OURS, Contestant, run
from benchmarks.tsne.judge import Judge, Quality
from benchmarks.tsne.table import differences
from benchmarks.tsne.vectors import SPACES, Vectors


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser("python -m benchmarks.tsne.draws", description="Quality over many draws.")
    parser.add_argument("--data-root", type=Path, required=True, help="folder with MNIST in torchvision's layout")
    parser.add_argument("--models-dir", type=Path, required=True, help="folder of bundles; the default is of MNIST")
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--output", type=Path, help="a JSON file for the quality of every map")
    options = parser.parse_args()
    vectors, found = Vectors.load(options.data_root, options.models_dir), {}
    settings = [one for one in CONTESTANTS if one is OURS or "defaults" in one.setting]  # threads change no quality
    for space in (space for space in SPACES if space != "both"):
        print(f"{space} space, {options.points} points, {options.draws} draws", file=sys.stderr)
        found[space] = measure(vectors, space, options.points, options.draws, settings)
        ours, others = found[space][OURS.name], [one.name for one in settings if one is not OURS]
        pairs = {name: list(zip(ours, found[space][name], strict=True)) for name in others}
        print(f"{space} space\n\n{differences(pairs)}\n")
    if options.output:
        plain = {
            space: {name: [dataclasses.asdict(one) for one in qualities] for name, qualities in of_space.items()}
            for space, of_space in found.items()
        }
        options.output.write_text(json.dumps(plain, indent=1, default=float) + "\n", encoding="utf-8")


def measure(
    vectors: Vectors, space: str, points: int, draws: int, contestants: list[Contestant]
) -> dict[str, list[Quality]]:
    """The quality of each contestant's map of each draw, in the order of the draws."""
    drawn = [vectors.take(space, points, draw) for draw in range(1, draws + 1)]
    judges = [Judge(features, labels) for [features], labels in drawn]
    every = [features for [features], _ in drawn]
    return {
        one.name: [judge.measure(places) for judge, places in zip(judges, run(one, every, seed=0)[1], strict=True)]
        for one in contestants
    }


if __name__ == "__main__":
    main()
