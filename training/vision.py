"""The data sets that torchvision reads, with torchvision made importable beside a torch it was not built for.

A torchvision wheel whose extension does not load (CPU torch with the default wheel, say) fails at import, because
Python code in it registers itself with operators that only the extension defines. Data sets need none of them:
declaring the two schemas is enough to import. Where the extension loads, nothing is declared.
"""

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from service.arrays import BytePixels, Labels
from service.errors import TrainingError
from training.collection import Collection
from training.config import DataConfig
from training.errors import DatasetMissing

# What torchvision raises for files that are missing, damaged or not to be had: it checks few of them beforehand.
_READING_ERRORS = (RuntimeError, OSError, ValueError, TypeError, AssertionError, EOFError)
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def read_torchvision(config: DataConfig) -> Collection:
    """Read one of torchvision's data sets, with the test images that its authors set aside.

    Raises:
        DatasetMissing: Its files are not in `data_root`, or could not be downloaded.
    """
    train, test = (_open(config, train=train) for train in (True, False))
    names = tuple(train.classes) if hasattr(train, "classes") else tuple(map(str, range(10)))
    if config.dataset in {"mnist", "qmnist"}:
        names = tuple(map(str, range(10)))  # theirs read "0 - zero"
    return Collection.from_arrays(
        *_arrays(config.dataset, train), names, test=Collection.from_arrays(*_arrays(config.dataset, test))
    )


def _open(config: DataConfig, *, train: bool) -> Any:
    """torchvision's own data set object for the training or the test images."""
    module = torchvision_datasets()
    named = {
        "mnist": module.MNIST,
        "fashion-mnist": module.FashionMNIST,
        "kmnist": module.KMNIST,
        "emnist": module.EMNIST,
        "qmnist": module.QMNIST,
        "cifar10": module.CIFAR10,
        "svhn": module.SVHN,
    }
    options: dict[str, Any] = {"root": config.data_root, "download": config.download, "train": train}
    if config.dataset == "emnist":
        options["split"] = config.emnist_split
    if config.dataset == "svhn":
        del options["train"]
        options["split"] = "train" if train else "test"
    try:
        return named[config.dataset](**options)
    except _READING_ERRORS as error:
        if config.download:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DatasetMissing(f"{config.dataset} could not be downloaded to {config.data_root}: {reason}") from error
        raise DatasetMissing(
            f"{config.dataset} is not, or not whole, in the folder {config.data_root}: name the one that holds it in "
            "torchvision's layout, unpacked, with --data-root, or let torchvision fetch it there with --download"
        ) from error


def _arrays(name: str, part: Any) -> tuple[BytePixels, Labels]:
    """The pixels and labels of a torchvision data set in our axes."""
    pixels, labels = np.asarray(part.data), np.asarray(part.labels if name == "svhn" else part.targets)
    if name == "svhn":
        pixels = pixels.transpose(0, 2, 3, 1)  # from (n, channels, height, width)
    elif pixels.ndim == 3:
        pixels = pixels[..., None]
    if name == "emnist":
        pixels = pixels.transpose(0, 2, 1, 3)  # EMNIST's files hold each image transposed
    return np.ascontiguousarray(pixels), labels[:, 0] if labels.ndim == 2 else labels  # QMNIST's class comes first


@cache
def torchvision_datasets() -> ModuleType:
    """`torchvision.datasets`, imported when it is first asked for, since the import takes a second."""
    if not _extension_loads():
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms" + _SCHEMA)
        library.define("qnms" + _SCHEMA)
        _declared.append(library)
    from torchvision import datasets as module  # noqa: PLC0415  (must follow the declaration)

    return module  # type: ignore[no-any-return]


_declared: list[torch.library.Library] = []  # a Library withdraws its schemas when it is collected


def _extension_loads() -> bool:
    """Try what torchvision's own import does first: load its `_C` library."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        raise TrainingError("torchvision is not installed: run `make install`")
    (folder,) = spec.submodule_search_locations
    for extension in [*Path(folder).glob("_C*.so"), *Path(folder).glob("_C*.pyd")]:
        try:
            torch.ops.load_library(extension)
        except OSError:
            return False
        return True
    return False
