"""How good after how long: trains on MNIST with several budgets and prints error beside seconds.

    python -m benchmarks.training.recipes --data-root DIR [--bottleneck 30] [--epochs 3,20,75] [--seeds 0,1,2]

Seconds count all of training: finding PCA, building the model, every epoch and its validation; not loading the files
and not the final test. Every run is a process of its own. The test images are looked at once, after training.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.training.machine import describe_machine, peak_memory_mb
from service.arrays import flat, to_unit
from service.separability import LabelledFeatures, knn_accuracy
from training.build import build_model
from training.datasets import load
from training.device import prepare_torch
from training.fit import fit, start
from training.images import Images, collect
from training.model import Autoencoder
from training.pca import fit_pca
from training.reconstruction import squared_errors
from training.resolve import resolve
from training.run import settle


def main() -> None:
    """Run every combination in its own process, one after the other, and print a table."""
    options = _parse()
    if options.one:
        print(json.dumps(_measure(json.loads(options.one), with_neighbours=options.neighbours)))
        return
    console = Console(width=150)
    console.print(describe_machine(), highlight=False)
    table = Table(
        "bottleneck", "epochs", "seed", "seconds", "train", "validation", "test", "PCA", "of PCA", "10-NN", "MB"
    )
    for bottleneck in options.bottleneck.split(","):
        for epochs in options.epochs.split(","):
            for seed in options.seeds.split(","):
                flags = {"bottleneck": bottleneck, "epochs": epochs, "seed": seed, "data-root": str(options.data_root)}
                table.add_row(bottleneck, epochs, seed, *_run(flags | dict(options.flag), options))
    console.print(table)


def _run(flags: dict[str, str], options: argparse.Namespace) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.training.recipes", "--data-root", str(options.data_root)]
    command += ["--one", json.dumps(flags)] + (["--neighbours"] if options.neighbours else [])
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(json.dumps(result), file=sys.stderr)
    knn = "" if result["knn"] is None else f"{result['knn']:.4f} (pixels {result['pixels_knn']:.4f})"
    figures = [f"{result[key]:.3f}" for key in ("train", "validation", "test", "pca")]
    return [f"{result['seconds']:.1f}", *figures, f"{result['test'] / result['pca']:.3f}", knn, f"{result['mb']:.0f}"]


def _measure(flags: dict[str, str], *, with_neighbours: bool) -> dict[str, float | None]:
    config = resolve(None, {"dataset": "mnist"} | flags)
    prepare_torch(config)
    data = load(config)
    config = settle(config, len(data.train))
    began = time.perf_counter()
    state = start(build_model(data, config), config)
    for _ in fit(state, data.train, data.validation, config, config.epochs or 0):
        pass
    seconds = time.perf_counter() - began
    model, pca = state.best_model(), fit_pca(data.train, config.bottleneck)
    pca_errors = squared_errors(lambda pixels: pca.reconstruct(pixels).clamp(0, 1), data.test)
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    result: dict[str, float | None] = {
        split: float(squared_errors(model, images).mean()) for split, images in splits.items()
    }
    knn, pixels_knn = _neighbours(model, data.train, data.test) if with_neighbours else (None, None)
    return result | {
        "seconds": seconds,
        "pca": float(pca_errors.mean()),
        "knn": knn,
        "pixels_knn": pixels_knn,
        "mb": peak_memory_mb(),
    }


def _neighbours(model: Autoencoder, train: Images, test: Images) -> tuple[float, float]:
    """10-NN accuracy of test images among training images, in latents and in pixels."""
    spaces = []
    for images in (train, test):
        assert images.labels is not None
        pixels = to_unit(collect(images))
        batches = [model.encode(batch.float() / 255).detach().numpy() for batch in images.batches()]
        spaces.append(
            (LabelledFeatures(np.concatenate(batches), images.labels), LabelledFeatures(flat(pixels), images.labels))
        )
    (known, known_pixels), (queries, query_pixels) = spaces
    return knn_accuracy(known, queries), knn_accuracy(known_pixels, query_pixels)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Error beside seconds on MNIST.")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--bottleneck", default="30")
    parser.add_argument("--epochs", default="3,20,75")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--neighbours", action="store_true", help="10-NN accuracy too")
    parser.add_argument(
        "--flag", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="any other flag"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
