"""How many CPUs this process may use, and how many threads of them a worker gets."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_CGROUPS = Path("sys/fs/cgroup")
_USUAL_PERIOD = "100000"
"""Microseconds; what the kernel takes where `cpu.max` names none."""


@dataclass(frozen=True)
class Compute:
    """What a service computes with."""

    cpus: int
    """CPUs that the service may use."""
    workers: int
    torch_threads: int
    """Threads of model calls, in each worker: a call alone takes all of them, several at once share them."""

    @classmethod
    def share(cls, cpus: int, workers: int, torch_threads: int | None = None) -> "Compute":
        """Divide the CPUs among the workers, unless the number of threads is given; a worker has at least one."""
        return cls(cpus, workers, torch_threads or max(1, cpus // workers))


def count_cpus(root: Path = Path("/"), affinity: int | None = None) -> int:
    """CPUs that this process may use, at least one: those of its affinity mask, or fewer by a cgroup's quota.

    A quota of 1.5 CPUs counts as one: of two threads, both would be stopped for a quarter of the time.

    Args:
        root: The folder of `proc` and `sys`.
        affinity: CPUs in the affinity mask; unset, this process is asked.
    """
    mask = _affinity() if affinity is None else affinity
    return max(1, min([mask, *(int(quota) for quota in _quotas(root))]))


def wait_passively() -> None:
    """Let threads of torch that wait for each other sleep; it counts for processes that have not loaded torch yet.

    By default they spin. On a service's CPUs others want to run, so that a thread spins for one that was put off: with
    two threads on two busy CPUs a model call then takes up to thirty times as long as with one.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """The quotas, in CPUs, of this process's cgroups and of all above them, in both versions of cgroups."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            for mount in (_CGROUPS, _CGROUPS / "unified"):
                yield from _along(root / mount, path, is_second_version=True)
        elif "cpu" in controllers.split(","):
            for name in {controllers, "cpu"}:
                yield from _along(root / _CGROUPS / name, path, is_second_version=False)


def _along(mount: Path, path: str, *, is_second_version: bool) -> Iterator[float]:
    """Quotas from a cgroup up to where its hierarchy is mounted; in a container, that may be all that is seen of it."""
    parts = PurePosixPath(path.lstrip("/")).parts
    inside = () if ".." in parts else parts  # a cgroup outside of what is mounted here
    for depth in range(len(inside), -1, -1):
        folder = mount.joinpath(*inside[:depth])
        if is_second_version:
            quota, period = [*_text(folder / "cpu.max").split(), "", _USUAL_PERIOD][:2]
        else:
            quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        yield from _ratio(quota, period or _USUAL_PERIOD)


def _ratio(quota: str, period: str) -> Iterator[float]:
    """Nothing where there is no quota: `max`, -1, no file, or what is no number."""
    try:
        share_us, period_us = int(quota), int(period)
    except ValueError:
        return
    if share_us > 0 and period_us > 0:
        yield share_us / period_us


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
