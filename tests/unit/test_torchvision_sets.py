"""The data sets that torchvision reads, from small files in its own layout, drawn from scikit-learn's digits."""

import gzip
import hashlib
import os
import pickle
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import scipy.io
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from service.arrays import BytePixels, Labels
from service.errors import TrainingError
from training.collection import Collection
from training.config import Config, DataConfig, DatasetName
from training.datasets import load
from training.errors import DatasetMissing
from training.images import collect
from training.vision import read_torchvision, torchvision_datasets

ROOT = Path(__file__).parents[2]
TRAIN, TEST = 60, 20
MNIST_FAMILY: dict[DatasetName, str] = {
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "emnist": "EMNIST",
    "qmnist": "QMNIST",
}
ALL: tuple[DatasetName, ...] = (*MNIST_FAMILY, "cifar10", "svhn")
CIFAR_NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def _digits(start: int, count: int) -> tuple[NDArray[np.uint8], Labels]:
    """Digits as large as MNIST's, none of them symmetric -> (count, 28, 28) and (count,)."""
    bunch = load_digits()
    small = np.rint(bunch.images[start : start + count] * 255 / 16).astype(np.uint8)
    large = np.pad(np.kron(small, np.ones((3, 3), np.uint8)), ((0, 0), (2, 2), (2, 2)))
    large[:, 0, 1] = 7  # a mark that every turn and mirroring moves
    return large, bunch.target[start : start + count].astype(np.int64)


def _tinted(start: int, count: int) -> tuple[BytePixels, Labels]:
    """Digits in colour, as large as CIFAR's -> (count, 32, 32, 3) and (count,)."""
    grey, labels = _digits(start, count)
    grey = np.pad(grey, ((0, 0), (2, 2), (2, 2)))
    return np.stack([grey, grey // 2, 255 - grey], axis=3), labels


def _idx(array: NDArray[Any], kind: int) -> bytes:
    """LeCun's IDX format: zeros, type, dimensions, sizes, then big-endian values."""
    sizes = np.array(array.shape, ">i4").tobytes()
    return bytes([0, 0, kind, array.ndim]) + sizes + array.astype(">i4" if kind == 12 else "u1").tobytes()


def _write(path: Path, content: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _write_mnist_like(root: Path, name: DatasetName, *, emnist_split: str = "balanced") -> None:
    raw = root / MNIST_FAMILY[name] / "raw"
    for part, (pixels, labels) in (("train", _digits(0, TRAIN)), ("test", _digits(TRAIN, TEST))):
        stored, classes, kind = pixels, labels, 8
        if name == "emnist":
            prefix, label_file, stored = f"emnist-{emnist_split}-{part}", "labels-idx1-ubyte", pixels.transpose(0, 2, 1)
        elif name == "qmnist":
            prefix, label_file, kind = f"qmnist-{part}", "labels-idx2-int", 12
            classes = np.column_stack([labels, np.arange(len(labels) * 7).reshape(-1, 7) + 1000])  # writer, series, ...
        else:
            prefix, label_file = {"train": "train", "test": "t10k"}[part], "labels-idx1-ubyte"
        _write(raw / f"{prefix}-images-idx3-ubyte", _idx(stored, 8))
        _write(raw / f"{prefix}-{label_file}", _idx(classes, kind))


def _write_cifar(root: Path, patch: pytest.MonkeyPatch, dump: Callable[[Any], bytes] = pickle.dumps) -> None:
    folder, module = root / "cifar-10-batches-py", torchvision_datasets()
    pixels, labels = _tinted(0, TRAIN)
    batches = {f"data_batch_{n + 1}": slice(n * TRAIN // 5, (n + 1) * TRAIN // 5) for n in range(5)}
    parts = {name: (pixels[rows], labels[rows]) for name, rows in batches.items()} | {
        "test_batch": _tinted(TRAIN, TEST)
    }
    sums = {
        name: _write(folder / name, dump({"data": p.transpose(0, 3, 1, 2).reshape(len(p), -1), "labels": y.tolist()}))
        for name, (p, y) in parts.items()
    }
    meta = _write(folder / "batches.meta", dump({"label_names": CIFAR_NAMES}))
    patch.setattr(module.CIFAR10, "train_list", [[name, sums[name]] for name in batches])
    patch.setattr(module.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    patch.setattr(module.CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": meta})


def _write_svhn(root: Path, patch: pytest.MonkeyPatch) -> None:
    lists = {}
    for part, (pixels, labels) in (("train", _tinted(0, TRAIN)), ("test", _tinted(TRAIN, TEST))):
        path = root / f"{part}_32x32.mat"
        stored = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]  # SVHN calls zero ten
        scipy.io.savemat(path, {"X": pixels.transpose(1, 2, 3, 0), "y": stored})
        lists[part] = ["http://localhost", path.name, _write(path, path.read_bytes())]
    patch.setattr(torchvision_datasets().SVHN, "split_list", lists)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with all of them, and torchvision told of their checksums."""
    root = tmp_path_factory.mktemp("torchvision")
    for name in MNIST_FAMILY:
        _write_mnist_like(root, name)
    with pytest.MonkeyPatch.context() as patch:
        _write_cifar(root, patch)
        _write_svhn(root, patch)
        yield root


@pytest.fixture
def copied(files: Path, tmp_path: Path) -> Path:
    """The same files, to be damaged."""
    return Path(shutil.copytree(files, tmp_path / "copied"))


def _read(root: Path, name: DatasetName, **options: Any) -> Collection:
    return read_torchvision(DataConfig(dataset=name, data_root=root, **options))


def _expected(name: DatasetName, start: int, count: int) -> tuple[BytePixels, Labels]:
    if name in {"cifar10", "svhn"}:
        return _tinted(start, count)
    pixels, labels = _digits(start, count)
    return pixels[..., None], labels


@pytest.mark.parametrize("name", ALL)
def test_pixels_and_labels_are_those_of_the_files_upright_and_in_order(files: Path, name: DatasetName) -> None:
    found = _read(files, name)
    assert found.test is not None
    assert found.shape == found.test.shape == ((32, 32, 3) if name in {"cifar10", "svhn"} else (28, 28, 1))
    for part, (pixels, labels) in ((found, _expected(name, 0, TRAIN)), (found.test, _expected(name, TRAIN, TEST))):
        assert isinstance(part.source, np.ndarray)
        assert part.source.dtype == np.uint8
        assert part.source.flags.c_contiguous
        np.testing.assert_array_equal(part.source, pixels)
        np.testing.assert_array_equal(part.labels, labels)
        assert part.labels is not None
        assert part.labels.dtype == np.int64


def test_class_names_are_their_authors_and_digits_are_digits(files: Path) -> None:
    classes = {name: _read(files, name).classes for name in ALL}
    assert classes["mnist"] == classes["qmnist"] == classes["svhn"] == tuple("0123456789")
    assert classes["cifar10"] == tuple(CIFAR_NAMES)
    assert classes["fashion-mnist"][0] == "T-shirt/top"
    assert classes["fashion-mnist"][9] == "Ankle boot"
    assert classes["kmnist"] == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    assert len(classes["emnist"]) == 47
    assert classes["emnist"][:11] == (*"0123456789", "A")


@pytest.mark.parametrize(
    ("split", "classes"), [("digits", 10), ("mnist", 10), ("balanced", 47), ("bymerge", 47), ("byclass", 62)]
)
def test_each_division_of_emnist_has_its_own_files_and_classes(tmp_path: Path, split: Any, classes: int) -> None:
    _write_mnist_like(tmp_path, "emnist", emnist_split=split)
    found = _read(tmp_path, "emnist", emnist_split=split)
    assert len(found.classes) == classes
    assert found.classes[:10] == tuple("0123456789")
    np.testing.assert_array_equal(found.source, _expected("emnist", 0, TRAIN)[0])
    other = "digits" if split != "digits" else "balanced"
    with pytest.raises(DatasetMissing):
        _read(tmp_path, "emnist", emnist_split=other)


def test_emnists_letters_are_counted_from_a_1(tmp_path: Path) -> None:
    _write_mnist_like(tmp_path, "emnist", emnist_split="letters")
    found = _read(tmp_path, "emnist", emnist_split="letters")
    assert found.classes[1] == "a"
    assert found.classes[26] == "z"
    np.testing.assert_array_equal(found.labels, _digits(0, TRAIN)[1])


@pytest.mark.parametrize("name", ALL)
def test_the_authors_test_images_are_the_test_split(files: Path, name: DatasetName) -> None:
    data = load(Config(dataset=name, data_root=files))
    assert (len(data.train), len(data.validation), len(data.test)) == (54, 6, 20)
    pixels, labels = _expected(name, TRAIN, TEST)
    np.testing.assert_array_equal(collect(data.test), pixels)
    np.testing.assert_array_equal(data.test.labels, labels)
    learnable = {image.tobytes() for split in (data.train, data.validation) for image in collect(split)}
    assert learnable == {image.tobytes() for image in _expected(name, 0, TRAIN)[0]}


def test_the_fingerprint_covers_the_test_images(copied: Path) -> None:
    before = load(Config(dataset="mnist", data_root=copied)).fingerprint
    assert load(Config(dataset="mnist", data_root=copied)).fingerprint == before
    path = copied / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert load(Config(dataset="mnist", data_root=copied)).fingerprint != before


def test_torchvision_sets_can_be_streamed(files: Path) -> None:
    held, streamed = (load(Config(dataset="cifar10", data_root=files, in_memory=choice)) for choice in ("yes", "no"))
    assert torch.equal(next(held.train.batches(20)), next(streamed.train.batches(20)))
    assert held.fingerprint == streamed.fingerprint


def _old_pickle(value: Any) -> bytes:
    """As Python 2 and NumPy 1 wrote CIFAR-10's own files: older module names, and integers for a dtype's flags."""
    content = pickle.dumps(value, protocol=0)
    if b"numpy" not in content:
        return content
    assert content.count(b"I00\nI01\n") == 1
    return content.replace(b"I00\nI01\n", b"I0\nI1\n").replace(b"numpy._core", b"numpy.core")


def test_cifars_old_pickles_are_read_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_cifar(tmp_path, monkeypatch, _old_pickle)
    np.testing.assert_array_equal(_read(tmp_path, "cifar10").source, _tinted(0, TRAIN)[0])


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine without a network; lists who asked for one."""
    asked: list[str] = []

    def refuse(*arguments: Any, **_: Any) -> NoReturn:
        asked.append(str(arguments))
        raise socket.gaierror("there is no network here")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    return asked


def _missing(root: Path, name: DatasetName, **options: Any) -> str:
    with pytest.raises(DatasetMissing) as missing:
        _read(root, name, **options)
    assert "\n" not in str(missing.value)
    return str(missing.value)


@pytest.mark.parametrize("name", ALL)
def test_missing_files_name_the_folder_and_both_flags_and_nothing_is_downloaded(
    tmp_path: Path, name: DatasetName, sockets: list[str]
) -> None:
    for root in (tmp_path, tmp_path / "no"):
        message = _missing(root, name)
        assert str(root) in message
        assert name in message
        assert "--data-root" in message
        assert "--download" in message
    assert sockets == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ALL)
def test_one_missing_file_is_a_missing_data_set(copied: Path, name: DatasetName, sockets: list[str]) -> None:
    folders = {"cifar10": "cifar-10-batches-py", "svhn": ""} | {key: f"{f}/raw" for key, f in MNIST_FAMILY.items()}
    for file in sorted(path for path in (copied / folders[name]).iterdir() if path.is_file()):
        aside = file.rename(file.with_name("aside"))
        assert str(copied) in _missing(copied, name)
        aside.rename(file)
    _read(copied, name)
    assert sockets == []


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
def test_files_that_are_not_the_authors_are_refused(copied: Path, name: DatasetName) -> None:
    path = copied / {"cifar10": "cifar-10-batches-py/data_batch_3", "svhn": "test_32x32.mat"}[name]
    path.write_bytes(path.read_bytes() + b"\0")
    assert str(copied) in _missing(copied, name)


def test_archives_that_were_not_unpacked_are_missing_and_the_message_says_so(copied: Path) -> None:
    for path in list((copied / "QMNIST" / "raw").iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert "unpacked" in _missing(copied, "qmnist")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:-100], id="truncated"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda content: content[:16], id="header only"),
        pytest.param(gzip.compress, id="still compressed"),
    ],
)
@pytest.mark.parametrize("file", ["MNIST/raw/train-images-idx3-ubyte"])
def test_a_damaged_file_is_refused_like_a_missing_one(
    copied: Path, damage: Callable[[bytes], bytes], file: str
) -> None:
    (copied / file).write_bytes(damage((copied / file).read_bytes()))
    assert str(copied) in _missing(copied, "mnist")


@pytest.mark.parametrize("name", ["emnist", "qmnist", "cifar10", "svhn"])
def test_a_download_that_fails_says_so(tmp_path: Path, name: DatasetName, sockets: list[str]) -> None:
    message = _missing(tmp_path, name, download=True)
    assert sockets
    assert "could not be downloaded" in message


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_a_download_of_several_mirrors_that_fails_says_so(
    tmp_path: Path, name: DatasetName, sockets: list[str]
) -> None:
    message = _missing(tmp_path, name, download=True)
    assert sockets
    assert "could not be downloaded" in message


@pytest.mark.parametrize("name", [name for name in ALL if name != "cifar10"])
def test_what_is_there_is_not_downloaded_again(files: Path, name: DatasetName, sockets: list[str]) -> None:
    assert len(_read(files, name, download=True).source) == TRAIN
    assert sockets == []


SHIM = """
import pathlib, torch
from training.vision import torchvision_datasets
for library in sorted(pathlib.Path.cwd().glob("*.so")):
    placed = library.replace(f"torchvision/_C{library.name}")
    print(library.name, torchvision_datasets.__wrapped__().__file__, hasattr(torch.ops.torchvision, "nms"))
    placed.unlink()
"""


def test_operators_are_declared_only_where_torchvisions_extension_does_not_load(tmp_path: Path) -> None:
    datasets = tmp_path / "torchvision" / "datasets" / "__init__.py"
    datasets.parent.mkdir(parents=True)
    datasets.touch()
    (tmp_path / "torchvision" / "__init__.py").touch()
    shutil.copy(str(torch._C.__file__), tmp_path / "1-loads.so")  # any library that does
    (tmp_path / "2-does-not.so").write_bytes(b"no library")
    path = os.pathsep.join(map(str, (tmp_path, ROOT)))
    run = subprocess.run(
        [sys.executable, "-c", SHIM],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == [f"1-loads.so {datasets} False", f"2-does-not.so {datasets} True"]


def test_torchvision_is_imported_with_its_operators_known() -> None:
    assert torchvision_datasets().__name__ == "torchvision.datasets"
    assert hasattr(torch.ops.torchvision, "nms")


def test_without_torchvision_a_run_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(TrainingError, match="make install"):
        torchvision_datasets.__wrapped__()


def test_real_mnist_is_read_whole(mnist_root: Path) -> None:
    data = load(Config(dataset="mnist", data_root=mnist_root))
    assert (len(data.train), len(data.validation), len(data.test)) == (55_000, 5_000, 10_000)
    assert data.shape == (28, 28, 1)
    assert data.classes == tuple("0123456789")
    raw = (mnist_root / "MNIST" / "raw" / "t10k-images-idx3-ubyte").read_bytes()[16:]
    np.testing.assert_array_equal(collect(data.test).ravel(), np.frombuffer(raw, np.uint8))
    labels = (mnist_root / "MNIST" / "raw" / "train-labels-idx1-ubyte").read_bytes()[8:]
    every_class = np.bincount(np.frombuffer(labels, np.uint8))
    validation = np.bincount(np.asarray(data.validation.labels))
    np.testing.assert_array_equal(np.bincount(np.asarray(data.train.labels)) + validation, every_class)
    np.testing.assert_allclose(validation, every_class / 12, atol=1)
