"""A server's whole tree of processes, as /proc shows it: what it costs, and a way to halt it."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """CPU time and memory, added up over a tree. Pages that processes share count once for each."""

    cpu_s: float
    rss_mb: float
    peak_rss_mb: float


def tree(root: int) -> list[int]:
    """A process and all its descendants that live."""
    children: dict[int, list[int]] = {}
    for pid, fields in _stats():
        children.setdefault(int(fields[1]), []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def usage(root: int) -> Usage:
    """What a tree has used so far, and holds now."""
    members = set(tree(root))
    ticks = sum(int(fields[11]) + int(fields[12]) for pid, fields in _stats() if pid in members)
    return Usage(ticks / _TICKS_PER_S, _memory_mb(members, "VmRSS"), _memory_mb(members, "VmHWM"))


def send(number: signal.Signals, pids: list[int]) -> None:
    """Signal processes, those that have ended meanwhile excepted."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Every process's fields of /proc/<pid>/stat from its state on: proc(5) counts that as the third."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            yield int(path.parent.name), path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def _memory_mb(pids: set[int], field: str) -> float:
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
                if line.startswith(f"{field}:"):
                    total += int(line.split()[1])
    return total / 1024
