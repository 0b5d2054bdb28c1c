"""Real things for all tests: a small trained bundle, small image files, and real MNIST where the machine has it."""

import dataclasses
import io
import os
from pathlib import Path
from typing import Protocol

import pytest
from filelock import FileLock
from rich.console import Console

# Before torch loads: tests, and what they start, share the CPUs, and threads that spin while they wait would slow all.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from service.bundle import Bundle
from training.config import Config
from training.run import train

torch.set_num_threads(1)


class TrainOnce(Protocol):
    """Trains what a configuration says; each process that runs tests gets the same bundle, and only reads it."""

    def __call__(self, config: Config) -> Bundle: ...


@pytest.fixture(scope="session")
def quick() -> Config:
    """A run on scikit-learn's digits that takes seconds."""
    return Config(hidden=(32, 16), bottleneck=6, epochs=3, threads=1, in_memory="yes")


@pytest.fixture(scope="session")
def quiet() -> Console:
    """A console that nobody reads."""
    return Console(file=io.StringIO())


@pytest.fixture(scope="session")
def train_once(tmp_path_factory: pytest.TempPathFactory, quiet: Console) -> TrainOnce:
    """Trains a bundle unless another process has; the first one does, and the others wait."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def once(config: Config) -> Bundle:
        name = config.name or config.dataset
        models = shared / f"trained-{name}"
        path = models / name / "1"
        with FileLock(f"{models}.lock"):
            if not path.exists():
                train(dataclasses.replace(config, models_dir=models), quiet)
        return Bundle.open(path)

    return once


@pytest.fixture(scope="session")
def digits_bundle(train_once: TrainOnce) -> Bundle:
    """A bundle that was trained on digits for a few epochs."""
    return train_once(Config(hidden=(32, 16), bottleneck=6, epochs=3, threads=1, data_root=Path("data")))


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder with real MNIST, named by HOURGLASS_DATA_ROOT; skips where there is none."""
    root = Path(os.environ.get("HOURGLASS_DATA_ROOT", "data"))
    if not (root / "MNIST" / "raw" / "train-images-idx3-ubyte").exists():
        pytest.skip("real MNIST is not in HOURGLASS_DATA_ROOT")
    return root
