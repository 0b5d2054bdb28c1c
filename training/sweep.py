"""`python -m training sweep`: what a narrower bottleneck costs, beside what it costs PCA."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.build import build_model
from training.config import Config
from training.datasets import Dataset
from training.device import prepare_torch
from training.errors import Interrupted, InvalidConfig
from training.fit import start
from training.loop import run_epochs
from training.pca import Pca, fit_pca
from training.plots import plot_sweep
from training.points import SweepPoint
from training.reconstruction import squared_errors
from training.run import load_data, settle


def sweep(configs: Sequence[Config], sweeps_dir: Path, console: Console) -> Path:
    """Train one model for every configuration, which differ in their bottleneck only; returns the folder written to.

    The folder gets `sweep.json` and, as a picture, `sweep.png`; both grow with every model that is done.

    Raises:
        TrainingError: As for a training run; `Interrupted` after Ctrl-C.
    """
    prepare_torch(configs[0])
    data = load_data(configs[0], console)
    narrow = sorted((config for config in configs if config.bottleneck < data.values), key=lambda one: one.bottleneck)
    for config in configs:
        if config not in narrow:
            console.print(f"bottleneck {config.bottleneck} is left out: the images have {data.values} values")
    if not narrow:
        raise InvalidConfig(f"no --bottleneck is narrower than the images, which have {data.values} values")
    folder = sweeps_dir / configs[0].model_name
    folder.mkdir(parents=True, exist_ok=True)
    pca = fit_pca(data.train, narrow[-1].bottleneck)
    points: list[SweepPoint] = []
    for config in narrow:
        console.print(f"bottleneck {config.bottleneck}", highlight=False)
        points.append(_measure(settle(config, len(data.train)), data, pca, console))
        text = json.dumps([asdict(point) for point in points], indent=2)
        (folder / "sweep.json").write_text(text + "\n", encoding="utf-8")
        plot_sweep(points, folder / "sweep.png")
    console.print(_table(points))
    console.print(f"plot    {folder / 'sweep.png'}", highlight=False, soft_wrap=True)
    return folder


def _measure(config: Config, data: Dataset, pca: Pca, console: Console) -> SweepPoint:
    """Train one model and measure it, and PCA of its size, on images that it did not learn from."""
    state = start(build_model(data, config), config)
    run_epochs(state, data, config, console)
    if state.stop_requested:
        raise Interrupted("the sweep was stopped; what it had finished is written")
    model, opponent = state.best_model().cpu(), pca.first(config.bottleneck)
    errors = {
        split: (
            float(squared_errors(model, images).mean()),
            float(squared_errors(lambda pixels: opponent.reconstruct(pixels).clamp(0, 1), images).mean()),
        )
        for split, images in (("validation", data.validation), ("test", data.test))
    }
    return SweepPoint(
        bottleneck=config.bottleneck,
        validation_error=errors["validation"][0],
        test_error=errors["test"][0],
        pca_validation_error=errors["validation"][1],
        pca_test_error=errors["test"][1],
        seconds=sum(epoch.seconds for epoch in state.history),
    )


def _table(points: Sequence[SweepPoint]) -> Table:
    table = Table("bottleneck", "test error", "PCA", "share of PCA's", "seconds")
    for point in points:
        share = point.test_error / point.pca_test_error
        row = (f"{point.test_error:.3f}", f"{point.pca_test_error:.3f}", f"{share:.2f}", f"{point.seconds:.1f}")
        table.add_row(str(point.bottleneck), *row)
    return table
