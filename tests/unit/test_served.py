"""A served model computes what its bundle computes, and judges errors by the bundle's own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from service.arrays import mean_squared_errors, to_unit
from service.batcher import Batching
from service.bundle import QUANTILE_PROBABILITIES, Bundle
from service.deadline import Deadline
from service.errors import InvalidBundle, OutOfRange
from service.inputs import InputLimits
from service.served import ServedModel
from service.workers import Workers

BATCHING = Batching(max_batch_size=100)
LIMITS = InputLimits(max_images=1000, max_image_pixels=10**6, max_json_values=10**6)


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(codec_threads=1, torch_threads=1)
    yield workers
    workers.close()


@pytest.fixture
def model(digits_bundle: Bundle, workers: Workers) -> ServedModel:
    return ServedModel.load(digits_bundle, workers, BATCHING, LIMITS)


def test_a_bundle_that_fails_its_checks_is_not_served(digits_bundle: Bundle, workers: Workers, tmp_path: Path) -> None:
    copy = Path(copytree(digits_bundle.path, tmp_path / "1"))
    (copy / "golden.npz").unlink()
    with pytest.raises(InvalidBundle, match="missing"):
        ServedModel.load(Bundle.open(copy), workers, BATCHING, LIMITS)


def test_it_computes_what_its_bundle_computes(model: ServedModel) -> None:
    reference = model.bundle.reference
    pixels = to_unit(reference.images)

    async def scenario() -> None:
        deadline = Deadline.after(60)
        latents = await model.encode(pixels, deadline)
        np.testing.assert_allclose(latents, reference.latents, atol=1e-5)
        decoded = await model.decode(latents, deadline)
        rebuilt = np.concatenate(await model.reconstructing.run(pixels, deadline))
        np.testing.assert_allclose(decoded, rebuilt, atol=1e-5)
        np.testing.assert_allclose(rebuilt, model.bundle.autoencoder.reconstruct(pixels), atol=1e-5)

    asyncio.run(scenario())


def test_latents_whose_images_are_not_finite_are_refused_ten_by_name(model: ServedModel) -> None:
    latents = model.bundle.reference.latents[:20].copy()
    latents[5:] = np.inf  # times weights of both signs: not a number, whatever the weights are
    with pytest.raises(OutOfRange) as refused:
        asyncio.run(model.decode(latents, Deadline.after(60)))
    assert [fault.pointer for fault in refused.value.faults] == [f"#/latents/{row}" for row in range(5, 15)]


@pytest.mark.parametrize("shape", [(3, 4, 5, 1), (2, 3, 7, 3), (1, 1, 1, 1)])
def test_the_error_is_the_mean_over_all_values_of_an_image(shape: tuple[int, ...]) -> None:
    one, other = np.random.default_rng(0).random((2, *shape), np.float32)
    expected = [((a.astype(float) - b) ** 2).mean() for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(mean_squared_errors(one, other), expected, rtol=1e-6)
    assert not mean_squared_errors(one, one).any()


def test_an_error_equal_to_a_quantile_has_its_percentile(model: ServedModel) -> None:
    quantiles = model.bundle.reference.error_quantiles
    places = [0, 137, 500, 990, 1000]
    black = np.zeros((len(places), 8, 8, 1), np.float32)
    rebuilt = np.sqrt(quantiles[places]).astype(np.float32)[:, None, None, None] + black
    for place, anomaly in zip(places, model.judge(black, rebuilt, 0.5), strict=True):
        assert anomaly.mse == pytest.approx(quantiles[place])
        assert anomaly.percentile == pytest.approx(QUANTILE_PROBABILITIES[place], abs=0.002)


def test_beyond_the_quantiles_percentiles_are_0_and_1(model: ServedModel) -> None:
    black, white = np.zeros((1, 8, 8, 1), np.float32), np.ones((1, 8, 8, 1), np.float32)
    [perfect] = model.judge(black, black, 0.5)
    [hopeless] = model.judge(black, white, 1.0)
    assert (perfect.percentile, perfect.unusual) == (0, False)
    assert (hopeless.mse, hopeless.percentile, hopeless.unusual) == (1, 1, True)
    assert model.judge(black, black, 0.0)[0].unusual
