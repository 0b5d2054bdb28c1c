"""A folder of images: what is found in it, how it is read, what is skipped, and what stops a run."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from service.arrays import BytePixels
from service.errors import InvalidImage
from training.collection import Collection
from training.config import Config, DataConfig
from training.datasets import Dataset, load
from training.errors import DatasetMissing, InvalidDataset
from training.folder import FolderSource, read_folder
from training.images import Images, StreamedImages, collect

Bytes = NDArray[np.uint8]


def _picture(seed: int, height: int = 12, width: int = 12, channels: int = 3) -> Bytes:
    """A smooth picture, different for every seed -> (height, width[, 3])."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 3, channels), np.uint8)
    smooth = Image.fromarray(coarse if channels == 3 else coarse[..., 0]).resize((width, height))
    return np.asarray(smooth)


def _save(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def _fill(root: Path, count: int, **size: int) -> list[Path]:
    return [_save(root / f"{number:04}.png", _picture(number, **size)) for number in range(count)]


def _read(root: Path, **options: Any) -> Collection:
    return read_folder(DataConfig(dataset="folder", data_root=root, **options))


def _load(root: Path, **options: Any) -> Dataset:
    return load(Config(dataset="folder", data_root=root, **options))


def _pixels(found: Collection) -> BytePixels:
    return np.stack([found.source[index] for index in range(len(found.source))])


def _splits(data: Dataset) -> tuple[Images, Images, Images]:
    return data.train, data.validation, data.test


def _refusal(read: Callable[[], object], kind: type[Exception] = InvalidDataset) -> str:
    with pytest.raises(kind) as refused:
        read()
    message = str(refused.value)
    assert message
    assert "\n" not in message
    return message


def test_class_folders_name_the_classes_and_their_files_are_labelled(tmp_path: Path) -> None:
    for number in range(24):
        _save(tmp_path / ["cat", "dog", "ä b"][number % 3] / f"{number}.png", _picture(number))
    found = _read(tmp_path)
    assert found.classes == ("cat", "dog", "ä b")
    assert found.labels is not None
    names = {_picture(number).tobytes(): ["cat", "dog", "ä b"][number % 3] for number in range(24)}
    assert [found.classes[label] for label in found.labels] == [names[image.tobytes()] for image in _pixels(found)]
    assert np.bincount(found.labels).tolist() == [8, 8, 8]


def test_a_nested_folder_belongs_to_the_class_it_lies_in(tmp_path: Path) -> None:
    for number in range(6):
        _save(tmp_path / "cat" / "indoors" / f"{number}.png", _picture(number))
        _save(tmp_path / "cat" / f"{number}.png", _picture(number))
        _save(tmp_path / "dog" / "outdoors" / "sunny" / f"{number}.png", _picture(number))
    found = _read(tmp_path)
    assert found.classes == ("cat", "dog")
    assert np.bincount(np.asarray(found.labels)).tolist() == [12, 6]


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    _fill(tmp_path, 20)
    found = _read(tmp_path)
    assert found.labels is None
    assert found.classes == ()
    assert len(found.source) == 20


@pytest.mark.parametrize("ending", [".png", ".bmp", ".webp", ".gif", ".PNG", ".Gif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_are_read_to_the_byte(tmp_path: Path, ending: str, channels: int) -> None:
    expected = [_picture(number, 5, 7, channels) // 16 * 16 for number in range(3)]  # few enough colours for a GIF
    for number, pixels in enumerate(expected):
        _save(tmp_path / f"{number}{ending}", pixels, **({"lossless": True} if ending == ".webp" else {}))
    found = _read(tmp_path, colour="grey" if channels == 1 else "rgb")
    assert found.shape == (5, 7, channels)
    np.testing.assert_array_equal(_pixels(found), np.stack(expected).reshape(3, 5, 7, channels))


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".JPG", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossy_formats_are_read_nearly(tmp_path: Path, ending: str, channels: int) -> None:
    expected = [_picture(number, 16, 16, channels) for number in range(3)]
    for number, pixels in enumerate(expected):
        _save(tmp_path / f"{number}{ending}", pixels, quality=95)
    found = _read(tmp_path, colour="grey" if channels == 1 else "rgb")
    error = _pixels(found).astype(int) - np.stack(expected).reshape(3, 16, 16, channels)
    assert np.abs(error).mean() < 6


def test_formats_and_modes_may_be_mixed(tmp_path: Path) -> None:
    base = Image.fromarray(_picture(1))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        deep = Image.fromarray(_picture(1, channels=1).astype(np.uint16) * 257)
        (deep if mode == "I;16" else base.convert(mode)).save(tmp_path / f"{mode.replace(';', '')}.png")
    for mode in ("L", "RGB", "CMYK"):
        base.convert(mode).save(tmp_path / f"{mode}.jpg")
    found = _read(tmp_path)
    assert found.shape == (12, 12, 3)
    assert len(found.source) == 10
    assert not found.skipped


def test_colour_is_kept_when_any_image_has_it(tmp_path: Path) -> None:
    for number in range(4):
        _save(tmp_path / f"{number}.png", _picture(number, channels=1))
    assert _read(tmp_path).shape == (12, 12, 1)
    assert _read(tmp_path, colour="rgb").shape == (12, 12, 3)
    _save(tmp_path / "4.png", _picture(4))
    assert _read(tmp_path).shape == (12, 12, 3)
    assert _read(tmp_path, colour="grey").shape == (12, 12, 1)


def test_a_grey_image_among_colours_keeps_its_greys(tmp_path: Path) -> None:
    grey = _picture(0, channels=1)
    _save(tmp_path / "0.png", grey)
    _save(tmp_path / "1.png", _picture(1))
    np.testing.assert_array_equal(_pixels(_read(tmp_path))[0], np.repeat(grey[..., None], 3, axis=2))


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)  # black
    pixels[:2, :, 3] = 255
    _save(tmp_path / "0.png", pixels)
    _save(tmp_path / "1.webp", pixels, lossless=True)
    palette = Image.fromarray(pixels[..., 0]).convert("P")
    palette.putpixel((0, 0), 9)
    palette.save(tmp_path / "2.gif", transparency=0)
    found = _pixels(_read(tmp_path))
    assert (found[:2, :2] == 0).all()
    assert (found[:2, 2:] == 255).all()
    assert (found[2, 1:] == 255).all()


def test_16_bit_greys_are_scaled_to_bytes(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    _save(tmp_path / "0.png", levels * 257)
    found = _read(tmp_path)
    assert found.shape == (16, 16, 1)
    np.testing.assert_array_equal(_pixels(found)[0, ..., 0], levels)


def test_cmyk_photographs_are_read_in_their_colours(tmp_path: Path) -> None:
    colours = np.zeros((16, 16, 3), np.uint8)
    colours[:8, :, 0], colours[8:, :, 2] = 250, 250
    Image.fromarray(colours).convert("CMYK").save(tmp_path / "0.jpg", quality=100)
    error = _pixels(_read(tmp_path))[0].astype(int) - colours
    assert np.abs(error[[2, 13]]).max() < 40


def _rotated(path: Path, upright: Bytes) -> None:
    """Store a picture as a camera held sideways does: turned, with a note of it."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    _save(path, np.ascontiguousarray(np.rot90(upright)), exif=exif)


def test_a_cameras_rotation_is_undone(tmp_path: Path) -> None:
    for number in range(2):
        _rotated(tmp_path / f"{number}.png", _picture(number))
    np.testing.assert_array_equal(_pixels(_read(tmp_path)), np.stack([_picture(0), _picture(1)]))


def test_a_rotated_image_keeps_its_proportions(tmp_path: Path) -> None:
    for number in range(2):
        _rotated(tmp_path / f"{number}.png", _picture(number, 10, 20))
    found = _read(tmp_path)
    assert found.shape == (10, 20, 3)
    np.testing.assert_array_equal(_pixels(found), np.stack([_picture(0, 10, 20), _picture(1, 10, 20)]))


@pytest.mark.parametrize("size", [(8, 8), (64, 64), (9, 31), (64, 1)])
def test_images_that_agree_on_a_small_size_keep_it(tmp_path: Path, size: tuple[int, int]) -> None:
    _fill(tmp_path, 3, height=size[0], width=size[1])
    assert _read(tmp_path).shape == (*size, 3)


@pytest.mark.parametrize("sizes", [[(65, 20), (65, 20)], [(20, 65), (20, 65)], [(8, 8), (8, 9)], [(200, 300), (8, 8)]])
def test_large_or_different_images_become_32_by_32(tmp_path: Path, sizes: list[tuple[int, int]]) -> None:
    for number, (height, width) in enumerate(sizes):
        _save(tmp_path / f"{number}.png", _picture(number, height, width))
    assert _read(tmp_path).shape == (32, 32, 3)


@pytest.mark.parametrize(("size", "shape"), [("24x32", (24, 32)), ("20", (20, 20)), ("100x7", (100, 7))])
def test_image_size_is_height_by_width_whatever_the_files_have(
    tmp_path: Path, size: str, shape: tuple[int, int]
) -> None:
    _fill(tmp_path, 2, height=13, width=17)
    _save(tmp_path / "wide.png", np.full((10, 90, 3), 77, np.uint8))
    found = _read(tmp_path, image_size=size)
    assert found.shape == (*shape, 3)
    assert _pixels(found).shape == (3, *shape, 3)
    assert (_pixels(found)[2] == 77).all()


def test_resizing_keeps_what_is_where(tmp_path: Path) -> None:
    corner = np.zeros((40, 80), np.uint8)
    corner[:20, :40] = 255
    _save(tmp_path / "0.png", corner)
    resized = _pixels(_read(tmp_path, image_size="10x20"))[0, ..., 0]
    assert (resized[:4, :8] > 245).all()
    assert (resized[6:] < 10).all()
    assert (resized[:, 12:] < 10).all()


def test_hidden_and_other_files_are_ignored(tmp_path: Path) -> None:
    _fill(tmp_path / "cat", 3)
    _fill(tmp_path / "dog", 2)
    expected = _read(tmp_path)
    for name in (".DS_Store", ".hidden.png", "notes.txt", "cat/Thumbs.db", "cat/._0000.png", "cat/0000.png.bak", "png"):
        (tmp_path / name).write_bytes(b"no image")
    _fill(tmp_path / ".cache", 2)
    _fill(tmp_path / "cat" / ".thumbnails", 2)
    (tmp_path / "empty").mkdir()
    found = _read(tmp_path)
    assert found.skipped == ()
    assert found.classes == expected.classes == ("cat", "dog")
    np.testing.assert_array_equal(_pixels(found), _pixels(expected))


def test_a_folder_below_a_hidden_one_may_be_given(tmp_path: Path) -> None:
    _fill(tmp_path / ".data" / "pictures", 3)
    assert len(_read(tmp_path / ".data" / "pictures").source) == 3


def test_a_folder_named_like_an_image_is_a_folder(tmp_path: Path) -> None:
    _fill(tmp_path / "cats.png", 3)
    _fill(tmp_path / "dogs.gif", 3)
    found = _read(tmp_path)
    assert found.classes == ("cats.png", "dogs.gif")
    assert found.skipped == ()


def test_images_beside_class_folders_are_refused(tmp_path: Path) -> None:
    _fill(tmp_path / "cat", 10)
    _fill(tmp_path, 10)
    assert "beside" in _refusal(lambda: _read(tmp_path))


@pytest.mark.parametrize("names", [[], ["cat", "dog"], ["cat/indoors"]])
def test_an_empty_tree_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "notes.txt").write_text("no image", encoding="utf-8")
    assert str(tmp_path) in _refusal(lambda: _read(tmp_path))


def test_a_folder_that_is_not_there_is_missing_and_says_what_to_give(tmp_path: Path) -> None:
    file = _save(tmp_path / "0.png", _picture(0))
    for root in (tmp_path / "no", file):
        message = _refusal(lambda root=root: _read(root), DatasetMissing)  # type: ignore[misc]
        assert str(root) in message
        assert "--data-root" in message


def _break(path: Path) -> None:
    """Cut a file in its middle: its header can still be read."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("in_memory", ["yes", "no"])
def test_a_truncated_png_is_skipped_and_listed(tmp_path: Path, in_memory: str) -> None:
    files = _fill(tmp_path / "cat", 50) + _fill(tmp_path / "dog", 50)
    _break(files[70])
    data = _load(tmp_path, in_memory=in_memory, workers=0)
    (skipped,) = data.skipped
    assert skipped.startswith("dog/0020.png: ")
    assert len(skipped) > len("dog/0020.png: ")
    assert "\n" not in skipped
    assert sum(map(len, _splits(data))) == 99
    labels = np.concatenate([np.asarray(split.labels) for split in _splits(data)])
    assert np.bincount(labels).tolist() == [50, 49]
    good = {_picture(number).tobytes() for number in range(50)}
    assert {image.tobytes() for split in _splits(data) for image in collect(split)} == good


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a"])
def test_a_file_that_is_no_image_is_skipped_and_listed(tmp_path: Path, content: bytes) -> None:
    _fill(tmp_path, 100)[33].write_bytes(content)
    found = _read(tmp_path)
    assert [skipped.partition(":")[0] for skipped in found.skipped] == ["0033.png"]
    assert len(found.source) == 99


def test_exactly_one_in_a_hundred_may_be_undecodable_and_no_more(tmp_path: Path) -> None:
    files = _fill(tmp_path, 199, height=2, width=2)
    _break(files[10])
    assert len(_read(tmp_path).skipped) == 1
    _break(files[20])  # 2 of 199
    message = _refusal(lambda: _read(tmp_path))
    assert "2 of 199" in message
    assert "0010.png" in message
    _save(tmp_path / "0199.png", _picture(199, 2, 2))  # 2 of 200
    assert len(_read(tmp_path).skipped) == 2


def test_a_folder_of_nothing_but_damage_is_refused(tmp_path: Path) -> None:
    for file in _fill(tmp_path, 25):
        file.write_bytes(b"no image")
    assert "25 of 25" in _refusal(lambda: _read(tmp_path))


def test_fewer_than_20_images_are_refused(tmp_path: Path) -> None:
    _fill(tmp_path, 19)
    assert "19" in _refusal(lambda: _load(tmp_path))
    _save(tmp_path / "more.png", _picture(99))
    assert sum(map(len, _splits(_load(tmp_path)))) == 20


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 images of several sizes and formats in two classes, one of them damaged."""
    root = tmp_path_factory.mktemp("mixed")
    for number in range(100):
        ending = ["png", "jpg", "bmp", "gif", "webp"][number % 5]
        name = f"{'odd' if number % 2 else 'even'}/{number:03}.{ending}"
        _save(root / name, _picture(number, 10 + number % 7, 10 + number % 3))
    _break(root / "even" / "050.png")
    return root


@pytest.mark.parametrize("workers", [0, 2])
def test_streaming_gives_what_memory_gives(mixed: Path, workers: int) -> None:
    held = _load(mixed, in_memory="yes", image_size="6x9")
    streamed = _load(mixed, in_memory="no", image_size="6x9", workers=workers)
    assert isinstance(streamed.train, StreamedImages)
    assert (held.shape, held.classes, held.skipped) == (streamed.shape, streamed.classes, streamed.skipped)
    assert held.fingerprint == streamed.fingerprint
    order = torch.randperm(len(held.train), generator=torch.Generator().manual_seed(1))
    half = torch.arange(0, len(held.train), 2)
    for one, other in (
        (held.train.batches(32, order), streamed.train.batches(32, order)),
        (held.train.subset(half).batches(9), streamed.train.subset(half).batches(9)),
        (held.validation.batches(), streamed.validation.batches()),
        (held.test.batches(5), streamed.test.batches(5)),
    ):
        for batch, same in zip(one, other, strict=True):
            assert torch.equal(batch, same)
    for split, same_split in zip(_splits(held), _splits(streamed), strict=True):
        np.testing.assert_array_equal(split.labels, same_split.labels)


def test_what_is_streamed_is_not_held(mixed: Path) -> None:
    found = _read(mixed, in_memory="no")
    assert isinstance(found.source, FolderSource)
    assert isinstance(_read(mixed, in_memory="yes").source, np.ndarray)
    assert [hashlib.sha256(image.tobytes()).digest() for image in _pixels(found)] == list(found.digests)


def test_the_same_files_give_the_same_data_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number in (3, 1, 2, 0):
        _save(tmp_path / f"{number}.png", _picture(number))
    found = _pixels(_read(tmp_path))
    np.testing.assert_array_equal(found, np.stack([_picture(number) for number in range(4)]))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_vanishes_while_it_is_streamed_is_named_in_one_line(tmp_path: Path, workers: int) -> None:
    files = _fill(tmp_path, 20)
    data = _load(tmp_path, in_memory="no", workers=workers)
    for file in files:
        file.unlink()
    with pytest.raises((InvalidImage, InvalidDataset)) as failed:
        collect(data.train)
    assert "\n" not in str(failed.value)
    assert ".png" in str(failed.value)
