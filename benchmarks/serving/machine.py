"""What the figures were measured on, as the results keep it."""

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from training.device import usable_cpus


def describe() -> dict[str, Any]:
    """Processor, CPUs, memory, system and the tools that are not Python's."""
    return {
        "processor": _line("/proc/cpuinfo", "model name"),
        "cpus": usable_cpus(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "wrk": (_first_line(["wrk", "--version"]) or "").partition(" [")[0],
        "java": _first_line(["java", "-version"]),
        "date": time.strftime("%Y-%m-%d"),
    }


def _line(path: str, field: str) -> str:
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), platform.machine())


def _first_line(command: list[str]) -> str | None:
    """What a tool calls itself; None where it is not installed."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return (result.stdout + result.stderr).partition("\n")[0]
