"""The contract: what training writes, the service reads, checks, and computes the same numbers from."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from service.arrays import to_unit
from service.bundle import QUANTILE_PROBABILITIES, Bundle, list_files, list_versions, sha256
from service.errors import InvalidBundle
from training.__main__ import main

FILES = {"model.pt", "manifest.json", "reference.npz", "golden.npz", "README.md"}


@pytest.fixture
def copy(digits_bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle that a test may break."""
    return Path(shutil.copytree(digits_bundle.path, tmp_path / "1"))


def _resign(path: Path) -> None:
    """Make the manifest's checksums right again, so that what lies behind them is what is tested."""
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"] = {name: sha256(path / name) for name in list_files(path)}
    (path / "manifest.json").write_text(json.dumps(manifest))


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_a_bundle_holds_exactly_the_files_of_the_format(digits_bundle: Bundle) -> None:
    top = {entry.name for entry in digits_bundle.path.iterdir()}
    assert top == FILES | {"report"}
    report = {entry.name for entry in (digits_bundle.path / "report").iterdir()}
    assert {"index.html", "metrics.json", "history.jsonl"} <= report


def test_a_written_bundle_verifies(digits_bundle: Bundle) -> None:
    digits_bundle.verify()
    assert main(["verify", str(digits_bundle.path)]) == 0


def test_the_manifest_lists_every_other_file(digits_bundle: Bundle) -> None:
    present = {str(path.relative_to(digits_bundle.path)) for path in digits_bundle.path.rglob("*") if path.is_file()}
    assert set(digits_bundle.manifest.files) == present - {"manifest.json"}


def test_a_changed_byte_in_any_file_is_found(copy: Path) -> None:
    for name in list_files(copy):
        file = copy / name
        original = file.read_bytes()
        file.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
        with pytest.raises(InvalidBundle, match="SHA-256 differs"):
            Bundle.open(copy).verify()
        file.write_bytes(original)
    Bundle.open(copy).verify()


def test_a_missing_and_an_unlisted_file_are_found(copy: Path) -> None:
    (copy / "report" / "extra.txt").write_text("x")
    with pytest.raises(InvalidBundle, match=r"extra\.txt is not in the manifest"):
        Bundle.open(copy).verify()
    (copy / "report" / "extra.txt").unlink()
    (copy / "golden.npz").unlink()
    with pytest.raises(InvalidBundle, match=r"golden\.npz is missing"):
        Bundle.open(copy).verify()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda manifest: manifest.update(format_version=2), "format_version"),
        (lambda manifest: manifest.update(surprise=1), "surprise"),
        (lambda manifest: manifest.pop("seed"), "seed"),
        (lambda manifest: manifest.update(name="../up"), "name"),
        (lambda manifest: manifest["image"].update(height=0), "image.height"),
        (lambda manifest: manifest["files"].update({"model.pt": "abc"}), "files.model.pt"),
    ],
)
def test_a_manifest_of_another_format_is_refused(
    change: Callable[[dict[str, Any]], object], where: str, copy: Path
) -> None:
    _edit(copy, change)
    with pytest.raises(InvalidBundle, match=where):
        Bundle.open(copy)


def test_a_file_outside_the_bundle_is_no_file_of_it(copy: Path) -> None:
    outside = copy.parent / "outside.txt"
    outside.write_text("x")
    _edit(copy, lambda manifest: manifest["files"].update({"../outside.txt": sha256(outside)}))
    with pytest.raises(InvalidBundle, match="missing"):
        Bundle.open(copy).verify()


def test_a_model_that_answers_otherwise_is_refused(copy: Path) -> None:
    golden = dict(np.load(copy / "golden.npz"))
    np.savez(copy / "golden.npz", **golden | {"latents": golden["latents"] + 0.01})
    _resign(copy)
    with pytest.raises(InvalidBundle, match="golden latents"):
        Bundle.open(copy).verify()


def test_a_model_of_other_sizes_is_refused(copy: Path) -> None:
    _edit(copy, lambda manifest: manifest["image"].update(channels=3))
    with pytest.raises(InvalidBundle, match="shape"):
        Bundle.open(copy).verify()


@pytest.mark.parametrize("name", ["golden.npz", "reference.npz"])
def test_arrays_that_are_none_are_refused(name: str, copy: Path) -> None:
    (copy / name).write_bytes(b"PK not an archive")
    _resign(copy)
    with pytest.raises(InvalidBundle, match=name):
        Bundle.open(copy).verify()


def test_a_model_file_that_is_none_is_refused(copy: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, copy / "model.pt")
    _resign(copy)
    with pytest.raises(InvalidBundle, match=r"model\.pt is not a TorchScript autoencoder"):
        Bundle.open(copy).verify()


def test_the_service_computes_the_reference_latents(digits_bundle: Bundle) -> None:
    reference = digits_bundle.reference
    latents = digits_bundle.autoencoder.encode(to_unit(reference.images))
    np.testing.assert_allclose(latents, reference.latents, atol=1e-5)


def test_the_reference_sample_is_stratified_and_held_out(digits_bundle: Bundle) -> None:
    reference, manifest = digits_bundle.reference, digits_bundle.manifest
    assert reference.labels is not None
    assert len(reference.images) == manifest.dataset.test_images == 359
    assert len(np.unique(reference.test_indices)) == 359
    counts = np.bincount(reference.labels)
    assert counts.max() - counts.min() <= 3


def test_error_quantiles_rise_from_least_to_greatest(digits_bundle: Bundle) -> None:
    quantiles = digits_bundle.reference.error_quantiles
    assert quantiles.shape == QUANTILE_PROBABILITIES.shape
    assert (np.diff(quantiles) >= 0).all()
    assert quantiles[0] > 0


def test_history_and_metrics_are_what_the_manifest_says(digits_bundle: Bundle) -> None:
    manifest, metrics = digits_bundle.manifest, digits_bundle.metrics
    assert [record["epoch"] for record in digits_bundle.history] == [1, 2, 3]
    assert manifest.metrics.test_squared_error == metrics.reconstruction["test"].model.squared_error
    assert manifest.metrics.test_mse == pytest.approx(manifest.metrics.test_squared_error / 64)


def test_only_whole_numbers_are_versions(tmp_path: Path) -> None:
    for name in ("1", "10", "9", "0", "01", "-1", "x", ".11.partial", "1.5"):
        (tmp_path / "m" / name).mkdir(parents=True)
    assert list_versions(tmp_path, "m") == [1, 9, 10]
    assert list_versions(tmp_path, "none") == []


def test_reading_a_bundle_needs_nothing_of_training(digits_bundle: Bundle) -> None:
    assert dataclasses.is_dataclass(digits_bundle)
    assert digits_bundle.manifest.versions.torch == torch.__version__
