"""What all workers of a service hold at this moment: whole numbers in shared memory, without a lock.

Each worker writes its own row and no other; a total is the sum over the rows. Rows are a cache line apart, so that
workers do not slow each other down, and a number is written in one piece, so that none is seen half written.
"""

import mmap
import os
from pathlib import Path

_ROW = 8
"""Numbers of 8 bytes in a row: 64 bytes, a cache line."""


class Account:
    """One number: a worker changes its own share, and sees the total. For one thread of each worker."""

    __slots__ = ("_row", "_shares")

    def __init__(self, shares: memoryview, row: int) -> None:
        self._shares, self._row = shares, row

    @property
    def total(self) -> int:
        """The sum over all workers."""
        return sum(self._shares)

    def add(self, count: int) -> None:
        """Let this worker's share grow by `count`, or shrink."""
        self._shares[self._row] += count

    def put(self, share: int) -> None:
        """Let this worker's share be this."""
        self._shares[self._row] = share


class Ledger:
    """The accounts of a service. As made here without a folder, they are those of a service of one worker."""

    def __init__(self, workers: int = 1, row: int = 0, folder: Path | None = None) -> None:
        self.folder, self.row = folder, row
        """The folder that the workers share; the row that this worker writes."""
        size = workers * _ROW * 8
        memory = bytearray(size) if folder is None else _map(folder / "ledger", size)
        self._cells = memoryview(memory).cast("q")
        accounts = [Account(self._cells[column::_ROW], row) for column in range(5)]
        self.images, self.bytes, self.maps_running, self.maps_waiting, self._pid = accounts

    @classmethod
    def open(cls, folder: Path, workers: int, row: int) -> "Ledger":
        """Join as a worker: nothing is left of whoever had the row before."""
        ledger = cls(workers, row, folder)
        ledger.forget(row)
        ledger._pid.put(os.getpid())
        return ledger

    @property
    def pids(self) -> dict[int, int]:
        """The process of every row that has one."""
        return {row: pid for row, pid in enumerate(self._cells[4::_ROW]) if pid}

    def forget(self, row: int) -> None:
        """Let a row be nobody's: what its worker held died with it."""
        for column in range(_ROW):
            self._cells[row * _ROW + column] = 0


def _map(path: Path, size: int) -> mmap.mmap:
    """A file as memory, made where it is not there yet; all processes that map it see the same."""
    with path.open("a+b") as file:
        file.truncate(size)
        return mmap.mmap(file.fileno(), size)
