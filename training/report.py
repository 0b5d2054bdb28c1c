"""The report of a bundle: one offline page that can be mailed alone, and its pictures as files beside it."""

from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from service.bundle import QUANTILE_PROBABILITIES, Bundle
from service.manifest import Manifest
from training.animation import Walks
from training.command import repeat_command
from training.pages import environment, style_sheet
from training.pictures import Picture
from training.plots import plot_errors, plot_histogram, plot_map, plot_training, plot_validation
from training.sheets import CLASS_LIMIT, Reconstructed
from training.tables import interpolation_rows, map_rows, separability_rows
from training.wording import (
    MAX_ANGLE_DEGREES,
    MAX_GAP,
    say_interpolation,
    say_linear,
    say_reconstruction,
    say_separability,
)

PERCENTILES = (0.5, 0.9, 0.95, 0.99)
SKIPPED_SHOWN = 50


def write_report(bundle: Bundle, folder: Path) -> None:
    """Write `index.html` and its pictures into an existing folder; what else lies there stays.

    The same bundle gives the same bytes: everything is read from it, and nothing from the clock.
    """
    reconstructed = Reconstructed.from_bundle(bundle)
    pictures = {
        "sheets": _sheets(reconstructed),
        "training": _training(bundle),
        "walks": _walks(bundle),
        "plots": _plots(bundle, reconstructed),
    }
    facts = common_facts(bundle) | _page_facts(bundle, reconstructed)
    page = environment().get_template("report.html.j2").render(**facts, **pictures)
    for picture in (picture for group in pictures.values() for picture in group.values()):
        (folder / picture.name).write_bytes(picture.data)
    (folder / "index.html").write_text(page, encoding="utf-8")


def _sheets(sample: Reconstructed) -> dict[str, Picture]:
    sheets = {
        "first": sample.sheet("reconstructions-first.png", sample.first(), "The first images"),
        "best": sample.sheet("reconstructions-best.png", sample.best(), "The best reconstructions"),
        "worst": sample.sheet("reconstructions-worst.png", sample.worst(), "The worst reconstructions"),
    }
    if sample.labels is not None:
        rows = sample.median_of_classes()
        sheets["classes"] = sample.sheet("reconstructions-classes.png", rows, "The median reconstruction of each class")
    return sheets


def _training(bundle: Bundle) -> dict[str, Picture]:
    if not bundle.history:
        return {}
    loss = str(bundle.manifest.config["loss"])
    return {"loss": plot_training(bundle.history, loss), "validation": plot_validation(bundle.history)}


def _walks(bundle: Bundle) -> dict[str, Picture]:
    walks = Walks.from_bundle(bundle)
    return {"moving": walks.animate(), "still": walks.still()}


def _plots(bundle: Bundle, sample: Reconstructed) -> dict[str, Picture]:
    reference, classes = bundle.reference, bundle.manifest.dataset.classes
    maps = {
        "image_map": ("map-images.png", "Image space (pixels)", reference.image_map),
        "latent_map": ("map-latents.png", "Latent space", reference.latent_map),
    }
    return {
        "pca": plot_errors(bundle.metrics.reconstruction),
        "errors": plot_histogram(sample.errors, _percentiles(bundle)),
    } | {key: plot_map(*what, reference.labels, classes) for key, what in maps.items()}


def common_facts(bundle: Bundle) -> dict[str, Any]:
    """What the page and the model card both say."""
    manifest, metrics = bundle.manifest, bundle.metrics
    splits = metrics.reconstruction
    best = min(bundle.history, key=lambda epoch: epoch["validation_error"], default={"epoch": 0})
    return {
        "manifest": manifest,
        "metrics": metrics,
        "created": format_date(manifest.created),
        "image_size": format_size(manifest),
        "values": _values(manifest),
        "best_epoch": int(best["epoch"]),
        "separability_rows": separability_rows(metrics.separability),
        "reconstruction_sentence": say_reconstruction(splits["test"], splits["train"]),
        "separability_sentence": say_separability(metrics.separability),
        "interpolation_sentence": say_interpolation(metrics.interpolation),
        "linear_sentence": say_linear(metrics.linear) if metrics.linear else "",
        "commands": format_commands(manifest),
    }


def _page_facts(bundle: Bundle, sample: Reconstructed) -> dict[str, Any]:
    """What only the page says."""
    manifest, metrics = bundle.manifest, bundle.metrics
    return {
        "css": style_sheet(),
        "compression": f"{_values(manifest) / manifest.latent_dim:.3g}",
        "labelled": metrics.separability.latents.knn_accuracy is not None,
        "history": bundle.history,
        "sample": sample,
        "class_limit": CLASS_LIMIT,
        "interpolation_rows": interpolation_rows(metrics.interpolation),
        "map_rows": map_rows([metrics.image_map, metrics.latent_map]),
        "linear_limits": {"gap": MAX_GAP, "angle": MAX_ANGLE_DEGREES},
        "skipped_shown": SKIPPED_SHOWN,
    }


def format_date(moment: datetime) -> str:
    """A moment in words: 22 November 2026, 18:20 UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def format_size(manifest: Manifest) -> str:
    """The kind of image in words: height by width, and whether it has colour."""
    image = manifest.image
    sides = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}".join(map(str, (image.height, image.width)))
    return f"{sides} pixels, {'grey' if image.channels == 1 else 'colour'}"


def format_commands(manifest: Manifest) -> dict[str, list[str]]:
    """What to type to repeat the run, measure its bundle again and serve it, in parts that a line may break between."""
    models_dir = Path(str(manifest.config["models_dir"]))
    bundle = models_dir / manifest.name / str(manifest.version)
    return {
        "train": repeat_command(manifest.config),
        "evaluate": ["python -m training evaluate", quote(bundle.as_posix())],
        "serve": ["python -m service", f"--models-dir {quote(models_dir.as_posix())}"],
        "encode": [f"curl 'localhost:8000/encode?model={manifest.name}'", "-F image=@image.png"],
    }


def _percentiles(bundle: Bundle) -> dict[float, float]:
    """The squared errors below which these shares of the validation images lie."""
    quantiles = np.interp(PERCENTILES, QUANTILE_PROBABILITIES, bundle.reference.error_quantiles)
    return dict(zip(PERCENTILES, (quantiles * _values(bundle.manifest)).tolist(), strict=True))


def _values(manifest: Manifest) -> int:
    return manifest.image.height * manifest.image.width * manifest.image.channels
