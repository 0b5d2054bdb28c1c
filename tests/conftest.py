"""Real things for all tests: a small trained bundle, small image files, and real MNIST where the machine has it."""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from service.bundle import Bundle
from training.config import Config
from training.run import train


@pytest.fixture(scope="session")
def quick() -> Config:
    """A run on scikit-learn's digits that takes seconds."""
    return Config(hidden=(32, 16), bottleneck=6, epochs=3, threads=1, in_memory="yes")


@pytest.fixture(scope="session")
def quiet() -> Console:
    """A console that nobody reads."""
    return Console(file=io.StringIO())


@pytest.fixture(scope="session")
def digits_bundle(tmp_path_factory: pytest.TempPathFactory, quiet: Console) -> Bundle:
    """A bundle that was trained on digits for a few epochs."""
    models = tmp_path_factory.mktemp("models")
    config = Config(hidden=(32, 16), bottleneck=6, epochs=3, threads=1, models_dir=models, data_root=Path("data"))
    return Bundle.open(train(config, quiet))


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder with real MNIST, named by HOURGLASS_DATA_ROOT; skips where there is none."""
    root = Path(os.environ.get("HOURGLASS_DATA_ROOT", "data"))
    if not (root / "MNIST" / "raw" / "train-images-idx3-ubyte").exists():
        pytest.skip("real MNIST is not in HOURGLASS_DATA_ROOT")
    return root
