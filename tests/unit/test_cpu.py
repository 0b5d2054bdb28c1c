"""CPUs are counted by the affinity mask and by the quotas of either version of cgroups, whatever the files hold."""

from pathlib import Path

import pytest

from service.cpu import Compute, count_cpus


def tree(root: Path, cgroups: str, **quotas: str) -> Path:
    """What a kernel shows: `/proc/self/cgroup`, and files by their paths below `/sys/fs/cgroup`."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroups)
    for path, text in quotas.items():
        file = root / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def v1(folder: str, quota_us: int, period_us: int = 100_000) -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": f"{quota_us}\n", f"{folder}/cpu.cfs_period_us": f"{period_us}\n"}


@pytest.mark.parametrize(
    ("cgroups", "quotas", "cpus"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "50000 10000\n"}, 5),
        ("0::/\n", {"cpu.max": "300000\n"}, 3),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "max\n"}, 8),
        ("0::/\n", {}, 8),
        ("0::/a/b\n", {"a/b/cpu.max": "300000 100000\n", "cpu.max": "max 100000\n"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000\n", "a/cpu.max": "200000 100000\n"}, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2),
        ("0::/not/seen/from/here\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/../../outside\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/a\n", {"b/cpu.max": "100000 100000\n"}, 8),
        ("4:memory:/\n3:cpu:/\n", v1("cpu", 300_000), 3),
        ("3:cpu,cpuacct:/\n", v1("cpu,cpuacct", 100_000, 50_000), 2),
        ("3:cpuacct,cpu:/\n", v1("cpu", 200_000), 2),
        ("3:cpu:/\n", v1("cpu", -1), 8),
        ("3:cpu:/a/b\n", v1("cpu/a", 200_000) | v1("cpu/a/b", 600_000), 2),
        ("3:cpu:/docker/1a2b\n", v1("cpu", 200_000), 2),
        ("3:cpuset:/\n2:cpuacct:/\n", v1("cpu", 100_000), 8),
        ("1:cpu:/\n0::/\n", v1("cpu", -1) | {"unified/cpu.max": "300000 100000\n"}, 3),
        ("1:cpu:/\n0::/\n", v1("cpu", 200_000) | {"unified/cpu.max": "max 100000\n"}, 2),
    ],
)
def test_the_smallest_quota_wins(cgroups: str, quotas: dict[str, str], cpus: int, tmp_path: Path) -> None:
    assert count_cpus(tree(tmp_path, cgroups, **quotas), affinity=8) == cpus


@pytest.mark.parametrize(("quota_us", "cpus"), [(10_000, 1), (99_999, 1), (150_000, 1), (199_999, 1), (250_000, 2)])
def test_a_part_of_a_cpu_is_none_but_the_first(quota_us: int, cpus: int, tmp_path: Path) -> None:
    assert count_cpus(tree(tmp_path, "0::/\n", **{"cpu.max": f"{quota_us} 100000\n"}), affinity=8) == cpus


def test_a_quota_above_the_affinity_mask_changes_nothing(tmp_path: Path) -> None:
    assert count_cpus(tree(tmp_path, "0::/\n", **{"cpu.max": "800000 100000\n"}), affinity=3) == 3


@pytest.mark.parametrize(
    "odd", ["", "\n", "many", "1", "-5 100000", "100000 0", "100000 x", "0 0", "1e5 100000", "\xff"]
)
def test_odd_files_are_no_quota(odd: str, tmp_path: Path) -> None:
    expected = 1 if odd == "1" else 4  # a hundred-thousandth of a CPU, with the usual period
    assert count_cpus(tree(tmp_path, "0::/\n", **{"cpu.max": odd}), affinity=4) == expected


@pytest.mark.parametrize("odd", ["", "\n", "0", "0:", "::", "0::", "a:b:c:d", "9:cpu\n"])
def test_odd_cgroups_are_none(odd: str, tmp_path: Path) -> None:
    assert count_cpus(tree(tmp_path, odd), affinity=4) == 4


def test_folders_in_the_places_of_files_are_no_quota(tmp_path: Path) -> None:
    root = tree(tmp_path, "3:cpu:/\n0::/\n")
    for name in ("cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"):
        (root / "sys/fs/cgroup" / name).mkdir(parents=True)
    assert count_cpus(root, affinity=4) == 4


def test_where_there_are_no_cgroups_the_affinity_mask_counts(tmp_path: Path) -> None:
    assert count_cpus(tmp_path, affinity=6) == 6


def test_this_machine_has_a_cpu() -> None:
    assert count_cpus() >= 1


@pytest.mark.parametrize(
    ("cpus", "workers", "given", "threads"),
    [(8, 1, None, 8), (8, 2, None, 4), (8, 3, None, 2), (2, 4, None, 1), (8, 2, 1, 1), (2, 2, 16, 16)],
)
def test_workers_share_the_cpus_unless_threads_are_given(
    cpus: int, workers: int, given: int | None, threads: int
) -> None:
    assert Compute.share(cpus, workers, given) == Compute(cpus, workers, threads)
