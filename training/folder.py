"""A folder of images: class subfolders or a flat folder, in any of the formats that `service.images` reads."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidImage
from service.images import FORMATS, ImageHeader, decode, read_header
from training.collection import Collection
from training.config import DataConfig
from training.errors import DatasetMissing, InvalidDataset
from training.images import fits_in_memory

MAX_SKIPPED_SHARE = 0.01
_MAX_OWN_SIZE = 64
_DEFAULT_SIZE = (32, 32)


@dataclass(frozen=True)
class FolderSource:
    """Files that are decoded when they are asked for: `source[i]` is uint8, (height, width, channels)."""

    paths: tuple[Path, ...]
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        path = self.paths[index]
        try:
            return decode(path, *self.shape)
        except InvalidImage as error:
            raise InvalidDataset(f"{path} could be read when the run began, and no longer can: {error}") from error


def read_folder(config: DataConfig) -> Collection:
    """Decode every file of a folder once; the pixels are kept where they fit in memory, and streamed where not.

    Raises:
        DatasetMissing: There is no such folder.
        InvalidDataset: It holds no images, images beside class folders, or over 1 % that cannot be decoded.
    """
    root = config.data_root
    files = list_images(root)
    shape = common_shape(files, config.image_size, config.colour)
    keep = fits_in_memory(config.in_memory, len(files) * int(np.prod(shape)))
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(partial(_decode, shape=shape, keep=keep), files))
    decoded = [outcome for outcome in outcomes if isinstance(outcome, _Decoded)]
    skipped = [
        f"{file.relative_to(root).as_posix()}: {outcome}"
        for file, outcome in zip(files, outcomes, strict=True)
        if isinstance(outcome, str)
    ]
    if len(skipped) > MAX_SKIPPED_SHARE * len(files):
        raise InvalidDataset(f"{len(skipped)} of {len(files)} images cannot be decoded (over 1 %), first {skipped[0]}")
    labels, classes = _label(root, [file.path for file in decoded])
    pixels = [file.pixels for file in decoded if file.pixels is not None]
    return Collection(
        shape=shape,
        source=np.stack(pixels) if keep else FolderSource(tuple(file.path for file in decoded), shape),
        digests=[file.digest for file in decoded],
        labels=labels,
        classes=classes,
        skipped=tuple(skipped),
    )


def list_images(root: Path) -> list[Path]:
    """Every image file below a folder, hidden ones left out, in the order of their names.

    Raises:
        DatasetMissing: There is no such folder.
        InvalidDataset: It holds no images, or images beside folders of images.
    """
    if not root.is_dir():
        raise DatasetMissing(f"there is no folder {root}: give the folder of images with --data-root")
    files = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in FORMATS and path.is_file() and not _is_hidden(path.relative_to(root))
    )
    if not files:
        raise InvalidDataset(f"{root} holds no images ({', '.join(FORMATS)}), neither in it nor in class folders")
    if len({path.parent == root for path in files}) > 1:
        raise InvalidDataset(f"{root} holds images beside class folders: move them into a class folder, or all out")
    return files


def common_shape(
    files: Sequence[Path], size: tuple[int, int] | None, colour: Literal["auto", "grey", "rgb"]
) -> tuple[int, int, int]:
    """The height, width and channels to read all files in, judged by their headers."""
    with ThreadPoolExecutor() as pool:
        headers = [header for header in pool.map(_header, files) if header is not None]
    own_sizes = {(header.height, header.width) for header in headers}
    if size is None:
        agreed = next(iter(own_sizes)) if len(own_sizes) == 1 else _DEFAULT_SIZE
        size = agreed if max(agreed) <= _MAX_OWN_SIZE else _DEFAULT_SIZE
    in_colour = any(header.in_colour for header in headers) if colour == "auto" else colour == "rgb"
    return (*size, 3 if in_colour else 1)


def _label(root: Path, files: Sequence[Path]) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Name each file's class by the folder below `root` that it lies in; a flat folder has none."""
    names = [path.relative_to(root).parts[:-1] for path in files]
    if not any(names):
        return None, ()
    classes, labels = np.unique([parts[0] for parts in names], return_inverse=True)
    return labels.astype(np.int64), tuple(map(str, classes))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _header(path: Path) -> ImageHeader | None:
    try:
        return read_header(path)
    except InvalidImage:
        return None


@dataclass(frozen=True)
class _Decoded:
    path: Path
    digest: bytes
    pixels: NDArray[np.uint8] | None


def _decode(path: Path, shape: tuple[int, int, int], *, keep: bool) -> _Decoded | str:
    """Decode one file, or say why it cannot be."""
    try:
        pixels = decode(path, *shape)
    except InvalidImage as error:
        return str(error)
    return _Decoded(path, hashlib.sha256(pixels.tobytes()).digest(), pixels if keep else None)
