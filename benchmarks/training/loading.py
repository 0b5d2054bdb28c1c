"""What holding the images as one tensor is worth: the same training, fed by a `DataLoader` over PIL images.

    python -m benchmarks.training.loading --data-root DIR [--preset tutorial] [--repeats 5]

Both ways train the same model with the same optimizer, loss and batch size on MNIST. The `DataLoader` is the
textbook's: torchvision's MNIST with `ToTensor`, shuffled, at every number of workers up to the CPUs; the best counts.
Repeats are interleaved; medians and ranges are printed.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.training.machine import describe_machine
from training.build import build_model
from training.config import Config
from training.datasets import load
from training.device import prepare_torch, usable_cpus
from training.fit import LOSSES, start
from training.reconstruction import to_float
from training.resolve import resolve
from training.vision import torchvision_datasets

STEPS = 300


def main() -> None:
    """Measure every way of loading in turn, several times."""
    parser = argparse.ArgumentParser(description="In-memory training beside a DataLoader over PIL images.")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--preset", default="tutorial")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    config = resolve(None, {"dataset": "mnist", "data-root": options.data_root, "preset": options.preset})
    prepare_torch(config)
    ways: dict[str, Callable[[], Iterable[Tensor]]] = {"one tensor in memory": partial(_in_memory, config)}
    for workers in range(usable_cpus() + 1):
        ways[f"DataLoader over PIL, {workers} workers"] = partial(_loader, config, workers)
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(options.repeats):
        for way, batches in ways.items():
            speeds[way].append(_images_per_second(config, batches()))
    console = Console(width=120)
    console.print(f"{describe_machine()}, preset {options.preset}, batches of {config.batch_size}", highlight=False)
    table = Table("way", "images/s (median)", "least", "most")
    for way, values in speeds.items():
        table.add_row(way, *(f"{value:,.0f}" for value in (statistics.median(values), min(values), max(values))))
    console.print(table)
    in_memory, *others = (statistics.median(values) for values in speeds.values())
    console.print(f"in memory over the best DataLoader: {in_memory / max(others):.2f}")


def _in_memory(config: Config) -> Iterable[Tensor]:
    images = load(config).train
    order = torch.randperm(len(images))
    return (to_float(batch) for batch in images.batches(config.batch_size, order))


def _loader(config: Config, workers: int) -> Iterable[Tensor]:
    module = torchvision_datasets()
    from torchvision import transforms  # noqa: PLC0415  (importable only after that)

    dataset = module.MNIST(config.data_root, train=True, transform=transforms.ToTensor())
    loader = DataLoader(dataset, config.batch_size, shuffle=True, num_workers=workers)
    return (images.permute(0, 2, 3, 1) for images, _ in loader)


def _images_per_second(config: Config, batches: Iterable[Tensor]) -> float:
    """Train on the first steps of an epoch; the clock starts after a few, when workers are under way."""
    state = start(build_model(load(config), config), config)
    state.model.train()
    seen, began = 0, 0.0
    for step, images in enumerate(batches):
        if step == 20:
            seen, began = 0, time.perf_counter()
        loss = LOSSES[config.loss](state.model(images), images)
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        seen += len(images)
        if step == 20 + STEPS:
            break
    return seen / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
