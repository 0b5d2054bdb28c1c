"""What a figure was measured on, printed above every table."""

import platform
import resource
from pathlib import Path

import torch

from training.device import usable_cpus


def describe_machine() -> str:
    """One line: processor, CPUs that may be used, memory, and the versions that matter."""
    return (
        f"{_processor()}, {usable_cpus()} CPUs, Python {platform.python_version()}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads"
    )


def peak_memory_mb() -> float:
    """The most memory that this process held at once, in MB (resident set)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
