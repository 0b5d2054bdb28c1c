"""`python -m training evaluate`: measure a bundle's model again, from the bundle, and compare."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from service.bundle import Bundle
from service.errors import TrainingError
from service.metrics import Metrics
from training.device import prepare_torch
from training.evaluation import evaluate
from training.resolve import from_dict
from training.run import load_data


def evaluate_bundle(path: Path, data_root: Path | None, console: Console) -> Metrics:
    """Verify a bundle, load the data that it was trained on, and measure everything again.

    Args:
        path: The bundle's folder.
        data_root: Where the data lie now; None looks where they lay at training.
        console: Hears what is going on.

    Raises:
        InvalidBundle: It is not whole.
        TrainingError: The data are missing, or are not those it was trained on.
    """
    bundle = Bundle.open(path)
    bundle.verify()
    config = from_dict(bundle.manifest.config)
    config = replace(config, data_root=data_root or config.data_root)
    prepare_torch(config)
    data = load_data(config, console)
    if data.fingerprint != bundle.manifest.dataset.fingerprint:
        raise TrainingError(f"the images in {config.data_root} are not those that {path} was trained on")
    with console.status("judging the model") as status:
        evaluation = evaluate(
            bundle.autoencoder, data, config, lambda what: status.update(f"judging the model: {what}")
        )
    return evaluation.metrics


def comparison(stored: Metrics, repeated: Metrics) -> Table:
    """All figures side by side: in the bundle, and now."""
    table = Table("figure", "in the bundle", "now")
    now = dict(_figures(repeated.model_dump()))
    for name, value in _figures(stored.model_dump()):
        table.add_row(name, _shown(value), _shown(now[name]))
    return table


def _figures(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Flatten nested records to dotted names."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else json.dumps(value)
