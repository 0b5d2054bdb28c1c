"""What a bundle claims, measured on models whose answer is known."""

import numpy as np
import pytest
import torch

from service.arrays import Pixels, flat
from service.autoencoder import Autoencoder
from training.anomaly import CORRUPTIONS, inverted, measure_anomaly, rotated, shifted
from training.bundle import write_model
from training.initialise import become_pca
from training.interpolation import INNER_FRAMES, PAIRS, Judge, draw_pairs, measure_interpolation
from training.model import Autoencoder as TrainableAutoencoder
from training.pca import Pca
from training.resolve import resolve


def _images(count: int = 40) -> Pixels:
    """Crisp white bars, at one of eight places each."""
    images = np.zeros((count, 8, 8, 1), np.float32)
    images[np.arange(count), :, np.arange(count) % 8] = 1
    return images


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Autoencoder:
    """An autoencoder that gives every image back: PCA with all components but one, which nothing has."""
    components = torch.linalg.qr(torch.cat([torch.eye(64)[:, :63], torch.ones(64, 1)], dim=1).double())[0].T
    model = TrainableAutoencoder((8, 8, 1), resolve(None, {"activation": "none", "hidden": "", "bottleneck": 63}))
    become_pca(model, Pca(torch.zeros(64, dtype=torch.float64), components[:63], torch.ones(63, dtype=torch.float64)))
    path = tmp_path_factory.mktemp("identity") / "model.pt"
    write_model(model, path)
    return Autoencoder.load(path)


def test_a_latent_path_that_is_a_pixel_path_wins_nothing(identity: Autoencoder) -> None:
    images = _images()
    images[:, 7, 7] = 0  # the corner that `identity` does not keep
    judge = Judge(flat(images), lambda pixels: pixels)
    result = measure_interpolation(identity, images, None, judge, seed=0)
    assert (result.pairs, result.frames) == (PAIRS, INNER_FRAMES)
    assert result.latent_path.ghosting == pytest.approx(result.pixel_path.ghosting, abs=1e-4)
    assert result.latent_path.nearest_distance == pytest.approx(result.pixel_path.nearest_distance, abs=1e-3)
    assert result.test_images.ghosting == 0
    assert result.test_images.nearest_distance == pytest.approx(0, abs=1e-3)
    assert result.pixel_path.ghosting > 0.5


def test_a_judge_that_knows_only_crisp_images_finds_a_blend_odd(identity: Autoencoder) -> None:
    judge = Judge(flat(_images()), np.rint)
    result = measure_interpolation(identity, _images(), None, judge, seed=0)
    assert result.test_images.residual == 0
    assert result.pixel_path.residual > 0.1


@pytest.mark.parametrize("labels", [None, np.arange(40) % 3, np.zeros(40, np.int64)])
def test_pairs_are_of_two_images_and_of_two_classes_where_there_are_two(labels: np.ndarray | None) -> None:
    pairs = draw_pairs(40, labels, 300, seed=0)
    assert pairs.shape == (300, 2)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    if labels is not None and len(np.unique(labels)) > 1:
        assert (labels[pairs[:, 0]] != labels[pairs[:, 1]]).all()
    np.testing.assert_array_equal(pairs, draw_pairs(40, labels, 300, seed=0))


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
@pytest.mark.parametrize("shape", [(3, 8, 8, 1), (3, 12, 20, 3)])
def test_a_corruption_changes_images_and_keeps_their_form(corrupt: object, shape: tuple[int, ...]) -> None:
    assert callable(corrupt)
    images = np.random.default_rng(0).random(shape).astype(np.float32)
    corrupted = corrupt(images)
    assert corrupted.shape == images.shape
    assert corrupted.dtype == np.float32
    assert corrupted.min() >= 0
    assert corrupted.max() <= 1
    assert np.abs(corrupted - images).mean() > 0.01


def test_corruptions_are_what_they_are_called() -> None:
    images = np.random.default_rng(0).random((2, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(rotated(images), np.rot90(images, axes=(1, 2)), atol=1e-5)
    np.testing.assert_allclose(inverted(images), 1 - images)
    np.testing.assert_allclose(shifted(images)[:, 1:, 1:], images[:, :-1, :-1])


def test_a_perfect_score_has_an_area_of_one_and_a_useless_one_a_half() -> None:
    images = _images(200)

    def brightness(pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(pixels.mean(axis=(1, 2, 3)), np.float64)

    anomaly = measure_anomaly(brightness, np.linspace(0, 0.2, 500), images)
    assert anomaly.auroc["inverted"] == 1
    assert anomaly.auroc["rotated"] == pytest.approx(0.5, abs=0.05)
    assert anomaly.false_flag_rate == {"0.95": 0, "0.99": 0}


def test_the_false_flag_rate_counts_clean_images_over_the_threshold() -> None:
    errors = np.linspace(0, 1, 1000)
    images = np.repeat(errors, 1).astype(np.float32).reshape(-1, 1, 1, 1) * np.ones((1, 8, 8, 1), np.float32)
    anomaly = measure_anomaly(lambda pixels: pixels.astype(np.float64).mean(axis=(1, 2, 3)), errors, images)
    assert anomaly.false_flag_rate["0.95"] == pytest.approx(0.05, abs=0.002)
    assert anomaly.false_flag_rate["0.99"] == pytest.approx(0.01, abs=0.002)
