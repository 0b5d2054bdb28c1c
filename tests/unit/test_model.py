"""The network: its shapes, its script, and its beginnings."""

from pathlib import Path
from typing import get_args

import pytest
import torch

from service.autoencoder import Autoencoder as TrainedAutoencoder
from training.build import build_model
from training.bundle import write_model
from training.config import Activation, Config
from training.datasets import Dataset, load
from training.errors import InvalidConfig
from training.linear import compare_with_pca
from training.model import Autoencoder
from training.pca import fit_pca
from training.reconstruction import squared_errors
from training.resolve import resolve


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(Config())


def _scripted(model: Autoencoder, folder: Path) -> torch.jit.ScriptModule:
    write_model(model, folder / "model.pt")
    script: torch.jit.ScriptModule = torch.jit.load(folder / "model.pt").eval()
    return script


CONFIGS = {
    "best": {"hidden": "48,24"},
    "tutorial": {"preset": "tutorial"},
    "linear": {"activation": "none", "hidden": "48,24", "bottleneck": 8},
    "layer norm": {"norm": "layer", "hidden": "48,24"},
    "no hidden layer": {"hidden": ""},
    "raw pixels": {"whiten": 0, "hidden": "32"},
    "no linear path": {"linear_path": False, "hidden": "32"},
}


@pytest.mark.parametrize("flags", CONFIGS.values(), ids=CONFIGS.keys())
def test_the_script_equals_the_eager_model(flags: dict[str, object], digits: Dataset, tmp_path: Path) -> None:
    model = build_model(digits, resolve(None, flags)).eval()
    script = _scripted(model, tmp_path)
    generator = torch.Generator().manual_seed(0)
    for batch in (1, 7, 1000):
        images = torch.rand(batch, 8, 8, 1, generator=generator)
        with torch.inference_mode():
            latents = model.encode(images)
            assert latents.shape == (batch, model.latent_dim)
            for ours, theirs in (
                (latents, script.encode(images)),
                (model.decode(latents), script.decode(latents)),
                (model(images), script(images)),
            ):
                torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-6)


@pytest.mark.parametrize("flags", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_script_that_is_served_differs_by_rounding_only(
    flags: dict[str, object], digits: Dataset, tmp_path: Path
) -> None:
    script = _scripted(build_model(digits, resolve(None, flags)), tmp_path)
    served = TrainedAutoencoder.load(tmp_path / "model.pt")  # its matrices lie in memory by columns
    generator = torch.Generator().manual_seed(0)
    for batch in (1, 7, 1000):
        images = torch.rand(batch, 8, 8, 1, generator=generator)
        with torch.inference_mode():
            expected = script.encode(images), script(images)
        for ours, theirs in zip((served.encode, served.reconstruct), expected, strict=True):
            torch.testing.assert_close(torch.from_numpy(ours(images.numpy())), theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("activation", get_args(Activation))
def test_every_activation_scripts(activation: str, digits: Dataset, tmp_path: Path) -> None:
    model = build_model(digits, resolve(None, {"activation": activation, "hidden": "24", "bottleneck": 8})).eval()
    images = torch.rand(3, 8, 8, 1)
    torch.testing.assert_close(_scripted(model, tmp_path)(images), model(images), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8, 1), (6, 10, 3), (1, 30, 1)])
def test_any_shape_goes_through_the_bottleneck(shape: tuple[int, int, int]) -> None:
    model = Autoencoder(shape, Config(hidden=(16,), bottleneck=5)).eval()
    images = torch.rand(4, *shape)
    assert model.encode(images).shape == (4, 5)
    assert model(images).shape == images.shape


def test_a_served_reconstruction_lies_in_the_unit_range(digits: Dataset) -> None:
    model = build_model(digits, resolve(None, {"hidden": "16"})).eval()
    decoded = model.decode(torch.randn(200, model.latent_dim) * 10).detach()
    assert 0 <= float(decoded.min()) <= float(decoded.max()) <= 1


@pytest.mark.parametrize("hidden", ["", "32", "48,24,16"])
def test_a_linear_autoencoder_is_pca(hidden: str, digits: Dataset, tmp_path: Path) -> None:
    config = resolve(None, {"activation": "none", "hidden": hidden, "bottleneck": 8})
    model = build_model(digits, config).eval()
    write_model(model, tmp_path / "model.pt")
    pca = fit_pca(digits.train, 8)
    errors = [float(squared_errors(one, digits.train).mean()) for one in (model, pca.reconstruct)]
    proof = compare_with_pca(TrainedAutoencoder.load(tmp_path / "model.pt"), pca, (errors[0], errors[1]), "pca")
    assert abs(proof.error_gap) < 1e-6
    assert proof.largest_angle_degrees < 0.1


def test_another_subspace_is_told_from_pcas(digits: Dataset, tmp_path: Path) -> None:
    config = resolve(None, {"activation": "none", "hidden": "32", "bottleneck": 8, "linear-init": "random"})
    model = build_model(digits, config).eval()
    write_model(model, tmp_path / "model.pt")
    trained = TrainedAutoencoder.load(tmp_path / "model.pt")
    proof = compare_with_pca(trained, fit_pca(digits.train, 8), (2.0, 1.0), "random")
    assert proof.error_gap == 1
    assert proof.largest_angle_degrees > 30


def test_a_bottleneck_as_wide_as_the_image_is_refused(digits: Dataset) -> None:
    with pytest.raises(InvalidConfig, match=r"--bottleneck 64 .*8x8x1"):
        build_model(digits, resolve(None, {"bottleneck": 64}))
