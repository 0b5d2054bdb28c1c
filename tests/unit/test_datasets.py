"""Data sets: arrays in and out of memory, their refusals, their splits and their fingerprint."""

import dataclasses
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from service.arrays import BytePixels
from training.config import Config
from training.datasets import MAX_VALIDATION_IMAGES, MIN_IMAGES, Dataset, load, stratified
from training.errors import DatasetMissing, InvalidDataset
from training.images import Images, InMemoryImages, StreamedImages, collect

Array = NDArray[Any]


def _numbered(count: int, height: int = 4, width: int = 5) -> BytePixels:
    """Images that tell their own place: (n, height, width, 1), the place in the first three pixels."""
    images = np.random.default_rng(count).integers(0, 256, (count, height * width), np.uint8)
    places = np.arange(count)
    images[:, 0], images[:, 1], images[:, 2] = places // 65536, places // 256 % 256, places % 256
    return images.reshape(count, height, width, 1)


def _places(images: Images) -> NDArray[np.int64]:
    pixels = collect(images).reshape(len(images), -1)[:, :3].astype(np.int64)
    return np.asarray(pixels @ np.array([65536, 256, 1]), np.int64)


def _npz(folder: Path, **arrays: Any) -> Path:
    path = folder / "images.npz"
    np.savez(path, **arrays)
    return path


def _load(path: Path, **options: Any) -> Dataset:
    return load(Config(dataset="npz", data_root=path, **options))


def _splits(data: Dataset) -> tuple[Images, Images, Images]:
    return data.train, data.validation, data.test


def _everything(data: Dataset) -> Array:
    return np.concatenate([collect(split) for split in _splits(data)])


def _refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InvalidDataset) as refused:
        _load(path, **options)
    message = str(refused.value)
    assert message
    assert "\n" not in message
    return message


def test_digits_are_scikit_learns_with_17_grey_levels_spread_over_a_byte() -> None:
    data, bunch = load(Config()), load_digits()
    assert data.shape == (8, 8, 1)
    assert data.classes == tuple("0123456789")
    ours = np.concatenate([np.c_[collect(s).reshape(len(s), -1), s.labels] for s in _splits(data)])
    theirs = np.c_[np.rint(bunch.data * 255 / 16).astype(int), bunch.target]
    np.testing.assert_array_equal(np.unique(ours, axis=0), np.unique(theirs, axis=0))
    assert len(ours) == len(theirs) == 1797
    assert sorted(set(ours[:, :-1].ravel())) == [round(level * 255 / 16) for level in range(17)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_numbers_in_0_to_1_become_the_nearest_bytes(tmp_path: Path, dtype: str) -> None:
    images = np.arange(24 * 16).reshape(24, 4, 4) % 256
    data = _load(_npz(tmp_path, images=(images / 255).astype(dtype)))
    same = _load(_npz(tmp_path, images=images.astype(np.uint8)))
    np.testing.assert_array_equal(_everything(data), _everything(same))
    assert data.fingerprint == same.fingerprint


@pytest.mark.parametrize(("tail", "shape"), [((), (4, 5, 1)), ((1,), (4, 5, 1)), ((3,), (4, 5, 3))])
def test_bytes_are_taken_as_they_are(tmp_path: Path, tail: tuple[int, ...], shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 5, *tail), np.uint8)
    data = _load(_npz(tmp_path, images=images))
    assert data.shape == shape
    np.testing.assert_array_equal(
        np.unique(_everything(data).reshape(30, -1), axis=0), np.unique(images.reshape(30, -1), axis=0)
    )


def test_arrays_in_any_memory_order_are_read(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 5, 3), np.uint8)
    plain = _load(_npz(tmp_path, images=images))
    assert _load(_npz(tmp_path, images=np.asfortranarray(images))).fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["dog", "cat", "cat"], ("cat", "dog")),
        (["b", "é", "a b"], ("a b", "b", "é")),
        ([7, 3, 7], ("3", "7")),
        ([True, False, True], ("False", "True")),
    ],
)
def test_labels_become_numbers_with_names(tmp_path: Path, values: list[Any], classes: tuple[str, ...]) -> None:
    labels = np.array(values * 10)
    data = _load(_npz(tmp_path, images=_numbered(30), labels=labels))
    assert data.classes == classes
    for split in _splits(data):
        assert split.labels is not None
        assert split.labels.dtype == np.int64
        assert [classes[label] for label in split.labels] == [str(labels[place]) for place in _places(split)]


def test_byte_strings_name_classes_without_pythons_quotes(tmp_path: Path) -> None:
    labels = np.array([b"cat", b"dog"] * 15)
    assert _load(_npz(tmp_path, images=_numbered(30), labels=labels)).classes == ("cat", "dog")


def test_without_labels_nothing_has_a_class(tmp_path: Path) -> None:
    data = _load(_npz(tmp_path, images=_numbered(30)))
    assert data.classes == ()
    assert [split.labels for split in _splits(data)] == [None, None, None]


GOOD = np.zeros((30, 4, 4), np.float32)


def _with(value: float) -> Array:
    images = GOOD.copy()
    images[17, 2, 3] = value
    return images


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"images": _with(np.nan)}, "NaN"),
        ({"images": _with(np.inf)}, "infinite"),
        ({"images": _with(1.001)}, "1.001"),
        ({"images": _with(-0.25)}, "-0.25"),
        ({"images": _with(255)}, "255"),
        ({"images": GOOD.astype(np.int64)}, "int64"),
        ({"images": GOOD > 1}, "bool"),
        ({"images": GOOD.astype(np.complex64)}, "complex64"),
        ({"images": GOOD.astype(np.uint16)}, "uint16"),
        ({"images": GOOD.astype(str)}, "<U"),
        ({"images": np.zeros(30, np.uint8)}, "(30,)"),
        ({"images": np.zeros((30, 16), np.uint8)}, "(30, 16)"),
        ({"images": np.zeros((30, 4, 4, 2), np.uint8)}, "(30, 4, 4, 2)"),
        ({"images": np.zeros((30, 3, 4, 4), np.uint8)}, "(30, 3, 4, 4)"),
        ({"images": np.zeros((2, 30, 4, 4, 1), np.uint8)}, "(2, 30, 4, 4, 1)"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "(0, 4, 4"),
        ({"images": np.zeros((30, 0, 4), np.uint8)}, "(30, 0, 4"),
        ({"images": np.array(None)}, "plain arrays"),
        ({"images": GOOD, "labels": np.array([None] * 30)}, "plain arrays"),
        ({"images": GOOD, "labels": np.zeros(29, int)}, "(29,)"),
        ({"images": GOOD, "labels": np.zeros((30, 1), int)}, "(30, 1)"),
        ({"images": GOOD, "labels": np.array(3)}, "()"),
        ({"pictures": GOOD}, "images"),
        ({}, "images"),
    ],
)
def test_arrays_that_are_no_images_are_refused_in_one_line(
    tmp_path: Path, arrays: dict[str, Array], named: str
) -> None:
    assert named in _refusal(_npz(tmp_path, **arrays))


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, GOOD)
    return buffer.getvalue()


def _zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _compressed() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=_numbered(40))
    return buffer.getvalue()


def _damaged() -> bytes:
    content = bytearray(_compressed())
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no archive at all", id="text"),
        pytest.param(_npy(), id="npy"),
        pytest.param(b"", id="empty"),
        pytest.param(_compressed()[:300], id="truncated"),
        pytest.param(_damaged(), id="damaged"),
        pytest.param(_zipped("images.npy", b"text"), id="zipped text"),
        pytest.param(_zipped("images", b"text"), id="zipped file"),
    ],
)
def test_a_file_that_is_no_npz_archive_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images.npz"
    path.write_bytes(content)
    assert str(path) in _refusal(path)


def test_an_archive_that_is_not_there_is_missing_and_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing) as missing:
        _load(tmp_path / "no.npz")
    assert str(tmp_path / "no.npz") in str(missing.value)
    assert "--data-root" in str(missing.value)


def test_a_folder_in_the_place_of_an_archive_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path) in _refusal(tmp_path)


def test_fewer_than_20_images_are_refused(tmp_path: Path) -> None:
    message = _refusal(_npz(tmp_path, images=_numbered(MIN_IMAGES - 1)))
    assert "19" in message
    assert "20" in message
    assert sum(map(len, _splits(_load(_npz(tmp_path, images=_numbered(MIN_IMAGES)))))) == 20


@pytest.mark.parametrize("count", [20, 21, 57, 300])
@pytest.mark.parametrize("fractions", [(0.1, 0.2), (0.01, 0.01), (0.49, 0.49)])
@pytest.mark.parametrize("labelled", [True, False])
def test_splits_are_disjoint_ordered_and_cover_everything(
    tmp_path: Path, count: int, fractions: tuple[float, float], labelled: bool
) -> None:
    arrays = {"images": _numbered(count)} | ({"labels": np.arange(count) % 3} if labelled else {})
    data = _load(_npz(tmp_path, **arrays), validation_fraction=fractions[0], test_fraction=fractions[1])
    places = [_places(split) for split in _splits(data)]
    np.testing.assert_array_equal(np.sort(np.concatenate(places)), np.arange(count))
    for place in places:
        assert len(place) >= 2
        assert (np.diff(place) > 0).all()
    assert abs(len(data.test) - max(count * fractions[1], 4)) <= 0.5
    assert abs(len(data.validation) - max((count - len(data.test)) * fractions[0], 2)) <= 0.5


def test_at_most_5000_images_are_held_out_for_validation(tmp_path: Path) -> None:
    data = _load(_npz(tmp_path, images=_numbered(40_000, 2, 2)), validation_fraction=0.3)
    assert (len(data.validation), len(data.test)) == (MAX_VALIDATION_IMAGES, 8_000) == (5_000, 8_000)


def test_every_class_is_in_every_split(tmp_path: Path) -> None:
    labels = np.repeat([0, 1, 2], [150, 120, 30])  # in blocks, as files by class come
    data = _load(_npz(tmp_path, images=_numbered(300), labels=labels))
    for split in _splits(data):
        assert split.labels is not None
        share = np.bincount(split.labels, minlength=3) / len(split)
        np.testing.assert_allclose(share, [0.5, 0.4, 0.1], atol=1 / len(split))


def test_splits_do_not_depend_on_the_training_seed(tmp_path: Path) -> None:
    path = _npz(tmp_path, images=_numbered(100), labels=np.arange(100) % 4)
    first, second = _load(path, seed=0), _load(path, seed=1)
    for one, other in zip(_splits(first), _splits(second), strict=True):
        np.testing.assert_array_equal(_places(one), _places(other))
    assert first.fingerprint == second.fingerprint


def test_loading_and_streaming_leave_torchs_random_state_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    data = _load(_npz(tmp_path, images=_numbered(60)), in_memory="no", workers=1)
    _everything(data)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 2])
def test_streaming_gives_what_memory_gives(tmp_path: Path, workers: int) -> None:
    path = _npz(tmp_path, images=_numbered(60), labels=np.arange(60) % 4)
    held, streamed = _load(path, in_memory="yes"), _load(path, in_memory="no", workers=workers)
    assert isinstance(held.train, InMemoryImages)
    assert isinstance(streamed.train, StreamedImages)
    assert held.fingerprint == streamed.fingerprint
    order = torch.randperm(len(held.train), generator=torch.Generator().manual_seed(0))
    batches = [list(data.train.batches(7, order)) for data in (held, streamed)]
    assert [batch.shape for batch in batches[0]] == [batch.shape for batch in batches[1]]
    for one, other in zip(*batches, strict=True):
        assert one.dtype == other.dtype == torch.uint8
        assert torch.equal(one, other)
    np.testing.assert_array_equal(torch.cat(batches[0]), collect(held.train)[order])
    np.testing.assert_array_equal(_everything(held), _everything(streamed))
    for one, other in zip(_splits(held), _splits(streamed), strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)


def test_a_subset_of_a_subset_keeps_pixels_and_labels_together(tmp_path: Path) -> None:
    path = _npz(tmp_path, images=_numbered(60), labels=np.arange(60))
    for in_memory in ("yes", "no"):
        train = _load(path, in_memory=in_memory, workers=0).train
        rows = torch.tensor([5, 3, 3, 20])
        chosen = train.subset(rows).subset(torch.tensor([3, 0]))
        np.testing.assert_array_equal(_places(chosen), _places(train)[[20, 5]])
        np.testing.assert_array_equal(chosen.labels, _places(chosen))


def _fingerprint(folder: Path, **arrays: Any) -> str:
    fingerprint = _load(_npz(folder, **arrays)).fingerprint
    assert len(bytes.fromhex(fingerprint)) == 32
    return fingerprint


def test_the_fingerprint_changes_with_one_pixel_one_label_the_order_and_the_shape(tmp_path: Path) -> None:
    images, labels = _numbered(40, 4, 6), np.arange(40) % 4
    other_pixel, other_label = images.copy(), labels.copy()
    other_pixel[39, 3, 5] ^= 1
    other_label[39] = 0
    variants: list[dict[str, Array]] = [
        {"images": images, "labels": labels},
        {"images": other_pixel, "labels": labels},
        {"images": images, "labels": other_label},
        {"images": images},
        {"images": images[::-1], "labels": labels[::-1]},
        {"images": images.reshape(40, 6, 4, 1), "labels": labels},
    ]
    fingerprints = [_fingerprint(tmp_path, **variant) for variant in variants]
    assert len(set(fingerprints)) == len(variants)
    assert _fingerprint(tmp_path, **variants[0]) == fingerprints[0]


def test_the_fingerprint_is_of_the_data_and_not_of_how_they_are_split_or_held(tmp_path: Path) -> None:
    path = _npz(tmp_path, images=_numbered(60), labels=np.arange(60) % 4)
    base = Config(dataset="npz", data_root=path)
    variants: list[dict[str, Any]] = [{"test_fraction": 0.4}, {"in_memory": "no"}, {"in_memory": "yes"}, {"seed": 9}]
    assert {load(dataclasses.replace(base, **variant)).fingerprint for variant in variants} == {load(base).fingerprint}


LABELS = st.lists(st.integers(0, 6), min_size=7, max_size=120).map(lambda labels: np.array(labels, np.int64))


@st.composite
def draws(draw: st.DrawFn) -> tuple[NDArray[np.int64], int, int]:
    labels = draw(LABELS)
    return labels, draw(st.integers(0, len(labels))), draw(st.integers(0, 2**32 - 1))


@given(draws())
def test_a_stratified_draw_has_the_count_asked_for_and_no_position_twice(
    drawn: tuple[NDArray[np.int64], int, int],
) -> None:
    labels, count, seed = drawn
    for given_labels in (labels, None):
        positions = stratified(given_labels, len(labels), count, seed)
        assert len(positions) == count
        assert (np.diff(positions) > 0).all()
        assert ((positions >= 0) & (positions < len(labels))).all()
        np.testing.assert_array_equal(positions, stratified(given_labels, len(labels), count, seed))


@given(draws())
def test_a_stratified_draw_is_proportional_within_one_image_a_class(drawn: tuple[NDArray[np.int64], int, int]) -> None:
    labels, count, seed = drawn
    few_classes = labels % 3
    equal_classes = np.arange(len(labels) // 7 * 7) % 7
    for groups in (few_classes, equal_classes):
        wanted = min(count, len(groups))
        positions = stratified(groups, len(groups), wanted, seed)
        proportional = np.bincount(groups, minlength=7) * wanted / len(groups)
        assert (np.abs(np.bincount(groups[positions], minlength=7) - proportional) <= 1 + 1e-9).all()


def test_a_stratified_draw_is_proportional_with_many_small_classes_beside_a_big_one() -> None:
    labels = np.concatenate([np.repeat(np.arange(50), 3), np.full(100, 50)])
    drawn = np.bincount(labels[stratified(labels, 250, 100, 0)], minlength=51)
    np.testing.assert_allclose(drawn, np.bincount(labels) * 100 / 250, atol=1)


def test_a_stratified_draw_depends_on_its_seed_and_on_no_order() -> None:
    labels = np.arange(200) % 2
    draws_by_seed = {tuple(stratified(labels, 200, 50, seed)) for seed in range(5)}
    assert len(draws_by_seed) == 5
    positions = np.concatenate([np.array(draw) for draw in draws_by_seed])
    assert 60 < positions.mean() < 140  # neither the first nor the last images
