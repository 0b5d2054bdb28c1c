"""Maps answer for every space, measure it, and are defined for degenerate points; impossible ones are refused early."""

import subprocess
import sys
from itertools import count
from threading import Event
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

from service import layout
from service.arrays import Features
from service.components import principal_scores
from service.errors import ImpossibleMap
from service.layout import compute
from service.maps import MapJob, Phase, Space, check, largest_perplexity
from service.measures import measure
from service.separability import LabelledFeatures, knn_accuracy_within, silhouette, trustworthiness
from service.tsne import Progress, Stopped, embed_all

RANDOM = np.random.default_rng(0)
CLOUD = RANDOM.normal(size=(30, 5)).astype(np.float32)
DEGENERATE = {
    "equal": np.ones((12, 4)),
    "duplicates": np.repeat(CLOUD[:3], 5, axis=0),
    "constant columns": np.c_[np.ones((20, 3)), CLOUD[:20, :1]],
    "four points": CLOUD[:4],
    "one feature": CLOUD[:, :1],
    "one far away": np.r_[np.zeros((99, 3)), np.ones((1, 3))],
    "tiny": CLOUD * 1e-30,
    "huge": CLOUD * 1e30,
    "the largest there are": np.where(CLOUD > 0, 3e38, -3e38),
}


def _clusters(count: int = 60) -> tuple[Features, tuple[str, ...]]:
    centres = 8 * RANDOM.normal(size=(3, 6))
    points = centres[np.arange(count) % 3] + RANDOM.normal(size=(count, 6))
    return points.astype(np.float32), tuple(np.array(["b", "a", "c"])[np.arange(count) % 3].tolist())


def test_every_space_is_laid_out_in_the_order_asked_for() -> None:
    points, labels = _clusters()
    answer = compute(MapJob({"latent": points[:, :2].copy(), "image": points}, labels, iterations=250))
    assert list(answer.maps) == ["latent", "image"]
    assert all(drawn.coordinates.shape == (60, 2) for drawn in answer.maps.values())
    assert all(drawn.coordinates.dtype == np.float32 for drawn in answer.maps.values())
    assert answer.picture is None


def test_a_map_is_measured_on_its_coordinates_against_its_own_space() -> None:
    points, labels = _clusters()
    drawn = compute(MapJob({"image": points}, labels, iterations=500, perplexity=10)).maps["image"]
    placed = LabelledFeatures(drawn.coordinates, np.unique(labels, return_inverse=True)[1])
    assert drawn.quality.trustworthiness == trustworthiness(points, drawn.coordinates)
    assert drawn.quality.knn_accuracy == knn_accuracy_within(placed) > 0.9
    assert drawn.quality.silhouette == silhouette(placed) > 0.3
    assert drawn.quality.perplexity == 10


def test_a_map_that_is_being_measured_can_be_stopped_and_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    has_ended, phases = Event(), list[Phase]()

    def measure_on_and_on(*given: Any) -> None:
        try:
            while True:
                given[-1]()
        finally:
            has_ended.set()

    def stop(_: Space, progress: Progress) -> bool:
        phases.append(progress.phase)
        return progress.phase == "measuring"

    monkeypatch.setattr(layout, "measure", measure_on_and_on)
    with pytest.raises(Stopped):
        compute(MapJob({"latent": CLOUD}, iterations=250), stop)
    assert phases[-1] == "measuring"
    assert has_ended.wait(10)


def test_measuring_can_be_ended_at_every_space() -> None:
    points, labels = _clusters()
    spaces: dict[Space, Features] = {"image": points, "latent": points[:, :2].copy()}
    numbers = np.unique(labels, return_inverse=True)[1]
    embeddings = embed_all(spaces, iterations=1)

    def turns_until(last: int) -> int:
        turns = count(1)

        def check() -> None:
            if next(turns) == last:
                raise Stopped

        measure(embeddings, spaces, points, numbers, check)
        return next(turns) - 1

    taken = turns_until(0)
    assert taken > 4
    for last in range(1, taken + 1):
        with pytest.raises(Stopped):
            turns_until(last)


@pytest.mark.parametrize("labels", [None, ("only",) * 30])
def test_fewer_than_two_classes_have_no_separability(labels: tuple[str, ...] | None) -> None:
    quality = compute(MapJob({"image": CLOUD}, labels, iterations=250)).maps["image"].quality
    assert quality.knn_accuracy is None
    assert quality.silhouette is None


def test_perplexity_is_30_or_the_largest_that_fits() -> None:
    few, many = (RANDOM.normal(size=(count, 3)).astype(np.float32) for count in (30, 100))
    perplexities = [
        compute(MapJob({"image": points}, iterations=250)).maps["image"].quality.perplexity for points in (few, many)
    ]
    assert perplexities == [largest_perplexity(30), 30]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_points_have_a_map_and_a_picture(name: str, dimensions: int) -> None:
    points = np.asarray(DEGENERATE[name], np.float32)
    labels = tuple(str(place % 2) for place in range(len(points)))
    job = MapJob({"image": points}, labels, dimensions=2 if dimensions == 2 else 3, iterations=250, picture="png")
    answer = compute(job)
    drawn = answer.maps["image"]
    assert np.isfinite(drawn.coordinates).all()
    assert 0 <= drawn.quality.kl_divergence < 100
    assert answer.picture


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_scale_of_points_hardly_matters(scale: float) -> None:
    points, labels = _clusters()
    quality = compute(MapJob({"image": points * np.float32(scale)}, labels, perplexity=10)).maps["image"].quality
    assert quality.trustworthiness > 0.9
    assert quality.knn_accuracy == 1


def test_the_seed_decides_the_answer() -> None:
    one, again = (compute(MapJob({"image": CLOUD}, seed=5, picture="svg", iterations=250)) for _ in range(2))
    np.testing.assert_array_equal(one.maps["image"].coordinates, again.maps["image"].coordinates)
    assert one.picture == again.picture


@pytest.mark.parametrize("points", [0, 1, 3])
def test_fewer_than_four_points_are_refused(points: int) -> None:
    with pytest.raises(ImpossibleMap, match=f"at least 4 points, got {points}"):
        check(points, None)


@pytest.mark.parametrize("perplexity", [6.34, 30, 0.99, -1, float("nan"), float("inf")])
def test_a_perplexity_that_does_not_fit_is_refused_with_the_largest_that_does(perplexity: float) -> None:
    with pytest.raises(ImpossibleMap, match=r"between 1 and 6\.33\.$") as refused:
        check(20, perplexity)
    assert refused.value.faults[0].parameter == "perplexity"
    check(20, 6.33)
    check(4, 1)


def test_computing_a_map_loads_neither_scikit_learn_nor_torch() -> None:
    program = "import sys, service.map_process; sys.exit(bool({'sklearn', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_asking_for_a_map_loads_neither_scikit_learn_nor_matplotlib() -> None:
    program = "import sys, service.map_pool; sys.exit(bool({'sklearn', 'matplotlib', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_spaces_are_measured_beside_pca_of_the_same_size() -> None:
    points, labels = _clusters()
    latents = np.ascontiguousarray(points[:, :2])
    answer = compute(MapJob({"image": points, "latent": latents}, labels, iterations=250))
    assert list(answer.spaces) == ["image", "pca", "latent"]
    assert [numbers.components for numbers in answer.spaces.values()] == [6, 2, 2]
    numbered = np.unique(labels, return_inverse=True)[1]
    for name, features in (("image", points), ("latent", latents)):
        numbers, samples = answer.spaces["image" if name == "image" else "latent"], LabelledFeatures(features, numbered)
        assert numbers.knn_accuracy == knn_accuracy_within(samples)
        assert numbers.silhouette == silhouette(samples)
        assert numbers.trustworthiness == pytest.approx(trustworthiness(points, features), abs=1e-5)


@pytest.mark.parametrize("at_hand", [True, False])
def test_latents_alone_are_trusted_as_far_as_their_images_are_at_hand(at_hand: bool) -> None:
    points, _ = _clusters()
    job = MapJob({"latent": points[:, :2].copy()}, iterations=250, pixels=points if at_hand else None)
    spaces = compute(job).spaces
    assert list(spaces) == (["pca", "latent"] if at_hand else ["latent"])
    assert (spaces["latent"].trustworthiness is not None) == at_hand
    assert spaces["latent"].knn_accuracy is None


def test_pca_keeps_what_scikit_learns_keeps() -> None:
    points = RANDOM.normal(size=(200, 40)) * 0.9 ** np.arange(40)
    points -= points.mean(axis=0)
    ours = principal_scores(points.astype(np.float32), 5)
    theirs = PCA(5, svd_solver="full").fit_transform(points)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=2e-3)
    few = points.T[:30] - points.T[:30].mean(axis=0)
    wide = principal_scores(np.ascontiguousarray(few, np.float32), 5)
    np.testing.assert_allclose(np.abs(wide), np.abs(PCA(5, svd_solver="full").fit_transform(few)), atol=2e-3)
