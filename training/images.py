"""A split's images, held as one tensor or streamed from disk, behind one interface with one result."""

import os
import signal
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from service.arrays import Labels
from training.errors import InvalidDataset

_SCAN_IMAGES = 1000
_SCAN_VALUES = 16_000_000
"""Images, and values of images, a batch where nothing is learned from it: passes that measure."""


class Source(Protocol):
    """Images that can be read one by one: `source[i]` is uint8, (height, width, channels)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]: ...


class Images(Protocol):
    """The images of one split, always as uint8 batches, shape (batch, height, width, channels)."""

    labels: Labels | None
    """Class numbers, shape (n,), or None where nobody labelled the images."""

    def __len__(self) -> int: ...

    def batches(self, batch_size: int | None = None, order: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the images, in `order` (int64, positions in this split) or in their own, as many at a time as fit."""
        ...

    def subset(self, rows: Tensor) -> "Images":
        """The images at `rows` (int64, positions in this split), without copying them."""
        ...


def collect(images: Images, rows: NDArray[np.int64] | None = None) -> NDArray[np.uint8]:
    """Read a selection, or everything, at once -> (n, height, width, channels)."""
    order = None if rows is None else torch.from_numpy(rows)
    return torch.cat(list(images.batches(order=order))).numpy()


class InMemoryImages:
    """Images held as one uint8 tensor, on the CPU or on an accelerator."""

    def __init__(self, pixels: Tensor, labels: Labels | None, rows: Tensor | None = None) -> None:
        self.labels = labels
        self._pixels = pixels
        self._rows = torch.arange(len(pixels)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    def batches(self, batch_size: int | None = None, order: Tensor | None = None) -> Iterator[Tensor]:
        """As `Images.batches` says."""
        rows = self._rows if order is None else self._rows[order]
        for chunk in rows.to(self._pixels.device).split(batch_size or _scan_batch(self._pixels[0].numel())):
            yield self._pixels[chunk]

    def subset(self, rows: Tensor) -> "InMemoryImages":
        """As `Images.subset` says."""
        return InMemoryImages(self._pixels, _select(self.labels, rows), self._rows[rows])

    def to(self, device: torch.device) -> "InMemoryImages":
        """The same images on another device."""
        return InMemoryImages(self._pixels.to(device), self.labels, self._rows)


class StreamedImages:
    """Images decoded by `DataLoader` workers while earlier ones are used."""

    def __init__(self, source: Source, labels: Labels | None, workers: int, rows: Tensor | None = None) -> None:
        self.labels = labels
        self._source = source
        self._workers = workers
        self._rows = torch.arange(len(source)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    def batches(self, batch_size: int | None = None, order: Tensor | None = None) -> Iterator[Tensor]:
        """As `Images.batches` says."""
        rows = self._rows if order is None else self._rows[order]
        size = batch_size or _scan_batch(self._source[int(self._rows[0])].size)
        batches: DataLoader[Tensor] = DataLoader(
            self._source,  # type: ignore[arg-type]  # torch asks for its own class, and uses the two methods of Source
            batch_sampler=[chunk.tolist() for chunk in rows.split(size)],
            num_workers=self._workers,
            collate_fn=_stack,
            worker_init_fn=_leave_interrupts_to_the_parent,
            generator=torch.Generator(),  # else each pass would draw a seed from, and so change, the global one
        )
        try:
            yield from batches
        except InvalidDataset as error:  # a worker's error arrives with its traceback as its message
            raise InvalidDataset(
                str(error).strip().splitlines()[-1].partition("InvalidDataset: ")[2] or str(error)
            ) from error

    def subset(self, rows: Tensor) -> "StreamedImages":
        """As `Images.subset` says."""
        return StreamedImages(self._source, _select(self.labels, rows), self._workers, self._rows[rows])


def fits_in_memory(choice: Literal["auto", "yes", "no"], size_bytes: int) -> bool:
    """Whether to hold this many bytes as one tensor; `auto` allows a quarter of the machine's memory."""
    if choice != "auto":
        return choice == "yes"
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # a system that does not tell
        total = 8 << 30
    return size_bytes <= total // 4


def _scan_batch(values: int) -> int:
    return max(1, min(_SCAN_IMAGES, _SCAN_VALUES // values))


def _select(labels: Labels | None, rows: Tensor) -> Labels | None:
    return None if labels is None else labels[rows.numpy()]


def _stack(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.stack(images))


def _leave_interrupts_to_the_parent(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
