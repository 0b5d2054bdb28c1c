"""The plots of the report: training's module that knows matplotlib."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from numpy.typing import NDArray

from service.arrays import Labels
from service.metrics import SplitReconstruction
from service.plots import FAINT, Groups, draw_legend, draw_points, halo, render, styled_figure
from training.pictures import Picture
from training.points import SweepPoint
from training.wording import number, percent

MODEL, PCA, PCA_FAINT = "#0072B2", "#D55E00", "#F0B48A"
_SHOWN_DPI = 98
"""At which a page shows plots: less than they are drawn at, for screens with finer dots."""
_PANEL = (4.6, 3.5)
_WIDE = (6.2, 3.6)


def plot_training(history: Sequence[dict[str, float]], loss: str) -> Picture:
    """The training loss of each epoch over the learning rate that it was reached with."""
    epochs, losses = _column(history, "epoch"), _column(history, "train_loss")
    with styled_figure(_PANEL) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        _curve(upper, epochs, losses, MODEL)
        upper.set_title(f"Training loss ({loss}, mean over values)")
        lower.plot(epochs, _column(history, "learning_rate"), color=FAINT)
        lower.set_ylim(bottom=0)
        lower.set_title("Learning rate", fontsize=10, fontweight="normal", pad=4)
        lower.set_xlabel("epoch")
        lower.yaxis.set_major_locator(MaxNLocator(2))
        lower.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    alt = f"Training loss over {len(epochs)} epochs, from {number(losses[0])} to {number(losses[-1])}."
    return _picture(figure, "training-loss.png", alt)


def plot_validation(history: Sequence[dict[str, float]]) -> Picture:
    """The validation error of each epoch, the best one marked: its weights are the model's."""
    epochs, errors = _column(history, "epoch"), _column(history, "validation_error")
    best = int(np.argmin(errors))
    with styled_figure(_PANEL) as figure:
        axes = figure.subplots()
        _curve(axes, epochs, errors, MODEL)
        label = f"best: {number(errors[best])}, in epoch {epochs[best]:.0f}"
        axes.plot(epochs[best], errors[best], "o", color=PCA, markersize=9, markeredgecolor="white", label=label)
        axes.set_title("Validation error (squared, per image)")
        axes.set_xlabel("epoch")
        axes.legend(loc="upper right", handletextpad=0.2)
    alt = f"Validation error over {len(epochs)} epochs; the best, {number(errors[best])}, in epoch {epochs[best]:.0f}."
    return _picture(figure, "validation-error.png", alt)


def plot_errors(splits: dict[str, SplitReconstruction]) -> Picture:
    """The error of the model and of PCA on every split, as bars."""
    series = {
        "model": (MODEL, [split.model.squared_error for split in splits.values()]),
        "PCA, clamped": (PCA, [split.pca.squared_error for split in splits.values()]),
        "PCA, unclamped": (PCA_FAINT, [split.pca_unclamped.squared_error for split in splits.values()]),
    }
    with styled_figure(_WIDE) as figure:
        axes = figure.subplots()
        for row, (name, (colour, errors)) in enumerate(series.items()):
            bars = axes.barh(np.arange(len(splits)) + 0.27 * (row - 1), errors, 0.25, color=colour, label=name)
            axes.bar_label(bars, [number(error) for error in errors], padding=4)
        axes.set_yticks(range(len(splits)), list(splits))
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.12)
        axes.set_title("Squared error per image: less is better", pad=30)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=3, borderaxespad=0.2, handlelength=1)
    said = "; ".join(f"{name} {number(errors[-1])}" for name, (_, errors) in series.items())
    return _picture(figure, "pca.png", f"Bars of the errors on {', '.join(splits)}. On {list(splits)[-1]}: {said}.")


def plot_histogram(errors: NDArray[np.float64], percentiles: dict[float, float]) -> Picture:
    """The errors of the reference sample, and where the percentiles of the validation images lie among them."""
    with styled_figure(_WIDE) as figure:
        axes = figure.subplots()
        bins = int(np.clip(2 * np.sqrt(len(errors)), 8, 48))
        heights, _, _ = axes.hist(errors, bins=bins, color="#7FB4D6", edgecolor="white", linewidth=0.6)
        top = float(np.max(heights))
        axes.set_ylim(0, top * 1.42)
        for place, (share, error) in enumerate(percentiles.items()):
            height = top * (1.36 - 0.09 * place)
            axes.plot([error, error], [0, height], color=PCA, linewidth=1.3)
            axes.annotate(
                f"{100 * share:.0f} %: {number(error)}", (error, height), xytext=(5, -4), textcoords="offset points",
                path_effects=halo(), va="center",
            )  # fmt: skip
        axes.set_xlabel("squared error of an image")
        axes.set_ylabel("images")
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_title("Errors of the reference sample, with validation percentiles")
    said = ", ".join(f"{percent(share)} at {number(error)}" for share, error in percentiles.items())
    return _picture(
        figure, "errors.png", f"Histogram of {len(errors)} errors; percentiles of validation images: {said}."
    )


def plot_map(
    name: str, title: str, points: NDArray[np.float32], labels: Labels | None, classes: Sequence[str]
) -> Picture:
    """One t-SNE map, coloured by class: a legend for up to ten, and each class named at its median."""
    groups = Groups.of(labels, classes)
    with styled_figure((4.6, 4.6 + 0.25 * groups.legend_rows(4.6))) as figure:
        axes = figure.subplots()
        draw_points(axes, points, groups)
        axes.set(title=title)
        draw_legend(figure, groups, 4.6)
    coloured = f"coloured by {len(groups.names)} classes" if groups.names else "without labels"
    return _picture(figure, name, f"t-SNE map of {len(points)} images: {title.lower()}, {coloured}.")


def plot_sweep(points: Sequence["SweepPoint"], path: Path) -> None:
    """Write the test error of every bottleneck of a sweep as a PNG, with PCA's beside it."""
    sizes = [point.bottleneck for point in points]
    with styled_figure(_WIDE) as figure:
        axes = figure.subplots()
        axes.plot(sizes, [point.pca_test_error for point in points], "o-", color=PCA, label="PCA, clamped")
        axes.plot(sizes, [point.test_error for point in points], "o-", color=MODEL, label="model")
        for point in points:
            axes.annotate(
                number(point.test_error), (point.bottleneck, point.test_error), xytext=(0, -15), ha="center",
                textcoords="offset points", path_effects=halo(),
            )  # fmt: skip
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.margins(y=0.14)
        axes.set_xlabel("bottleneck: numbers in a latent vector")
        axes.set_title("Test error (squared, per image)")
        axes.legend(loc="upper right")
    path.write_bytes(_picture(figure, path.name, "").data)


def _curve(axes: Axes, epochs: NDArray[np.float64], values: NDArray[np.float64], colour: str) -> None:
    axes.plot(epochs, values, color=colour, marker="o" if len(epochs) < 3 else None)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")


def _column(history: Sequence[dict[str, float]], key: str) -> NDArray[np.float64]:
    return np.array([record[key] for record in history], np.float64)


def _picture(figure: Figure, name: str, alt: str) -> Picture:
    """Render to a PNG that says nothing of when and with what it was made."""
    width, height = (round(side * _SHOWN_DPI) for side in figure.get_size_inches())
    return Picture(name, render(figure, "png"), alt, width, height)
