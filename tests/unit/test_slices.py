"""A thread asks for short slices, and stays what it was otherwise."""

import os
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service import slices


def slice_of(thread: int) -> int:
    """The slice of a thread of this process in ns; skips where the kernel does not tell it."""
    file = Path(f"/proc/self/task/{thread}/sched")
    found = re.search(r"^se\.slice\s*:\s*(\d+)", file.read_text() if file.exists() else "", re.MULTILINE)
    return int(found[1]) if found else pytest.skip("this kernel does not tell slices")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such slices")
def test_a_thread_gets_short_slices_and_neither_more_time_nor_heirs() -> None:
    usual = slice_of(threading.get_native_id())

    def ask() -> tuple[bool, int, int, int]:
        agreed, niceness = slices.shorten(), os.nice(0)
        with ThreadPoolExecutor(1) as pool:
            heir = pool.submit(lambda: slice_of(threading.get_native_id())).result()
        return agreed, niceness, slice_of(threading.get_native_id()), heir

    with ThreadPoolExecutor(1) as pool:
        agreed, niceness, own, heir = pool.submit(ask).result()
    assert niceness == os.nice(0)
    if not agreed or own == usual:
        pytest.skip("this kernel takes no slices")
    assert (own, heir) == (100_000, usual)


def test_where_nobody_can_be_asked_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert slices.shorten() is False
