"""The model card of a bundle, in the Hugging Face convention: YAML front matter, then Markdown."""

from pathlib import Path
from typing import Any

import yaml

from service.bundle import Bundle
from training.pages import environment
from training.report import common_facts

_PYTHON_EXAMPLE = """\
import torch

model = torch.jit.load("model.pt").eval()
images = torch.rand(8, {height}, {width}, {channels})  # in [0, 1]: (batch, height, width, channels)
latents = model.encode(images)  # (batch, {latent_dim})
reconstructions = model.decode(latents)  # as the images"""


def write_card(bundle: Bundle, path: Path) -> None:
    """Write the card to `path`; like the report it is made from the bundle alone."""
    manifest = bundle.manifest
    facts = common_facts(bundle) | {
        "front_matter": yaml.safe_dump(describe_model(bundle), sort_keys=False, allow_unicode=True),
        "epochs": len(bundle.history),
        "python_example": _PYTHON_EXAMPLE.format(**manifest.image.model_dump(), latent_dim=manifest.latent_dim),
    }
    path.write_text(environment().get_template("card.md.j2").render(**facts), encoding="utf-8")


def describe_model(bundle: Bundle) -> dict[str, Any]:
    """What hubs index a model by: the YAML front matter, as plain values."""
    manifest = bundle.manifest
    dataset = {"type": manifest.dataset.name, "name": manifest.dataset.name, "split": "test"}
    figures = _figures(bundle)
    return {
        "library_name": "pytorch",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["autoencoder", "dimensionality-reduction", "latent-space", "torchscript", "hourglass"],
        "datasets": [manifest.dataset.name],
        "metrics": sorted({kind for kind, _, _ in figures}),
        "model-index": [
            {
                "name": manifest.name,
                "results": [
                    {
                        "task": {"type": "image-feature-extraction"},
                        "dataset": dataset,
                        "metrics": [{"type": kind, "name": name, "value": value} for kind, name, value in figures],
                    }
                ],
            }
        ],
    }


def _figures(bundle: Bundle) -> list[tuple[str, str, float]]:
    """Kind, name and value of each figure that was measured on test images."""
    test, latents = bundle.metrics.reconstruction["test"].model, bundle.metrics.separability.latents
    figures: list[tuple[str, str, float | None]] = [
        ("squared_error", "squared error, summed over an image", test.squared_error),
        ("mse", "mean squared error of a value", test.mse),
        ("accuracy", "10-NN accuracy of the latents", latents.knn_accuracy),
        ("trustworthiness", "trustworthiness of the latents", latents.trustworthiness),
    ]
    return [(kind, name, value) for kind, name, value in figures if value is not None]
