"""A thread asks for short slices, and stays what it was otherwise."""

import os
import re
import sys
import threading
from pathlib import Path

import pytest

from service import slices


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such slices")
def test_a_thread_gets_short_slices_and_keeps_its_policy_and_niceness() -> None:
    found: list[tuple[bool, str, bool]] = []

    def ask() -> None:
        before = os.sched_getscheduler(0), os.nice(0)
        agreed = slices.shorten()
        file = Path(f"/proc/self/task/{threading.get_native_id()}/sched")
        found.append(
            (agreed, file.read_text() if file.exists() else "", before == (os.sched_getscheduler(0), os.nice(0)))
        )

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    (agreed, state, is_as_before), *_ = found
    assert is_as_before
    shown = re.search(r"^se\.slice\s*:\s*(\d+)", state, re.MULTILINE)
    if not agreed or shown is None:
        pytest.skip("this kernel does not take or tell slices")
    assert int(shown[1]) == 100_000


def test_where_nobody_can_be_asked_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert slices.shorten() is False
