"""Where and how torch computes: the device, the threads, and only what repeats."""

import os
from collections.abc import Callable

import torch

from training.config import Device, FitConfig
from training.errors import InvalidConfig

_AVAILABLE: dict[Device, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "cpu": lambda: True,
}


def prepare_torch(config: FitConfig) -> None:
    """Use the configured number of threads, and algorithms that give the same bits again wherever there are any."""
    torch.set_num_threads(config.threads or usable_cpus())
    torch.use_deterministic_algorithms(True, warn_only=True)


def choose_device(config: FitConfig) -> Device:
    """The configured device, or the first of cuda, mps and cpu that this machine has.

    Raises:
        InvalidConfig: This machine, or this build of torch, does not have it.
    """
    if config.device == "auto":
        return next(name for name, is_available in _AVAILABLE.items() if is_available())
    if not _AVAILABLE[config.device]():
        raise InvalidConfig(f"--device {config.device} is not available to this torch ({torch.__version__})")
    return config.device


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS or Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
