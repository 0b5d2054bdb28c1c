"""One training run, from a configuration to a bundle."""

import math
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from service.autoencoder import Autoencoder as TrainedAutoencoder
from service.errors import TrainingError
from training import datasets
from training.build import build_model
from training.bundle import Stage, describe, finish, golden_answers, write_model, write_records
from training.checkpoint import Checkpoint
from training.config import Config
from training.datasets import Dataset
from training.device import choose_device, prepare_torch, usable_cpus
from training.errors import Interrupted, InvalidConfig
from training.evaluation import evaluate
from training.fit import FitState, start
from training.history import EpochLog
from training.loop import run_epochs

CHECKPOINT_INTERVAL_S = 30.0
"""How much work a power cut may cost."""
_EPOCHS = 60
_MOST_IMAGES_SEEN = 1_300_000
_FEWEST_STEPS = 600


def train(config: Config, console: Console) -> Path:
    """Train as configured and write a bundle; returns its folder, `models_dir/name/version`.

    Raises:
        TrainingError: Something in `training/errors.py` stopped the run.
    """
    prepare_torch(config)
    data = load_data(config, console)
    config = settle(config, len(data.train))
    with _exclusive(config) as folder:
        if (folder / "checkpoint.pt").exists():
            console.print(f"an interrupted run in {folder} is discarded", highlight=False, markup=False)
            (folder / "checkpoint.pt").unlink()
        return _complete(start(build_model(data, config), config), data, config, folder, console)


def resume(name: str, models_dir: Path, console: Console) -> Path:
    """Continue an interrupted run from its checkpoint, to the bundle that it would have written.

    Raises:
        TrainingError: There is no checkpoint, or the data are not what the run began with.
    """
    checkpoint = Checkpoint.load(models_dir / name / "checkpoint.pt")
    config = replace(checkpoint.config, models_dir=models_dir)
    prepare_torch(config)
    data = load_data(config, console)
    if data.fingerprint != checkpoint.fingerprint:
        raise TrainingError(f"the images in {config.data_root} are not those that the run began with")
    with _exclusive(config) as folder:
        state = start(build_model(data, config), config)
        state.load_state_dict(checkpoint.fit)
        return _complete(state, data, config, folder, console)


def load_data(config: Config, console: Console) -> Dataset:
    """Load the data set and say what it holds."""
    data = datasets.load(config)
    height, width, channels = data.shape
    kind = f"{len(data.classes)} classes" if data.classes else "no labels"
    console.print(
        f"{data.name}: {len(data.train):,} training, {len(data.validation):,} validation and {len(data.test):,} test "
        f"images, {height}x{width}x{channels}, {kind}",
        highlight=False,
    )
    for skipped in data.skipped:
        console.print(f"skipped {skipped}", highlight=False, markup=False)
    return data


def settle(config: Config, train_images: int) -> Config:
    """Replace what was left open by what it comes to on this machine and this data set."""
    steps_an_epoch = math.ceil(train_images / config.batch_size)
    usual = min(_EPOCHS, math.ceil(_MOST_IMAGES_SEEN / train_images))
    epochs = config.epochs or max(usual, math.ceil(_FEWEST_STEPS / steps_an_epoch))
    return replace(
        config,
        epochs=None if config.begins_as_pca else epochs,
        threads=config.threads or usable_cpus(),
        device=choose_device(config),
        name=config.model_name,
    )


def _complete(state: FitState, data: Dataset, config: Config, folder: Path, console: Console) -> Path:
    """Fit to the end, then judge the best weights and write the bundle; only then is the checkpoint let go."""
    checkpoint = folder / "checkpoint.pt"
    log = EpochLog(config)
    saved_at = time.monotonic()

    def save() -> None:
        nonlocal saved_at
        Checkpoint(config, data.fingerprint, state.state_dict()).save(checkpoint)
        saved_at = time.monotonic()

    def after_step() -> None:
        if time.monotonic() - saved_at > CHECKPOINT_INTERVAL_S:
            save()

    run_epochs(state, data, config, console, after_step=after_step, after_epoch=lambda: log.write(state.history))
    save()
    if state.stop_requested:
        raise _interrupted(config, f"in epoch {state.epoch + 1}, after {state.step} steps")
    try:
        path = _write_bundle(state, data, config, console)
    except KeyboardInterrupt:
        raise _interrupted(config, "while the bundle was written") from None
    checkpoint.unlink()
    log.remove()
    return path


def _write_bundle(state: FitState, data: Dataset, config: Config, console: Console) -> Path:
    """Judge the best weights as the service will load them, and write all of the bundle, or nothing."""
    stage = Stage.create(config.models_dir, config.model_name)
    try:
        write_model(state.best_model(), stage.path / "model.pt")
        trained = TrainedAutoencoder.load(stage.path / "model.pt")
        with console.status("judging the model") as status:
            evaluation = evaluate(trained, data, config, lambda what: status.update(f"judging the model: {what}"))
            status.update("writing the report")
            write_records(stage, evaluation, golden_answers(trained, evaluation.reference), state.history)
            return finish(stage, describe(stage, data, config, evaluation.metrics))
    finally:
        shutil.rmtree(stage.path, ignore_errors=True)  # gone already where it was published


@contextmanager
def _exclusive(config: Config) -> Iterator[Path]:
    """Hold the model's folder for one run; the lock ends with the process, however that ends."""
    folder = config.models_dir / config.model_name
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise TrainingError(f"another run is training {folder}: wait for it, or choose another --name") from error
    except OSError as error:
        raise InvalidConfig(f"{folder} cannot be written: {error.strerror}") from error
    with lock:
        yield folder


def _interrupted(config: Config, where: str) -> Interrupted:
    place = f"--name {config.model_name} --models-dir {shlex.quote(str(config.models_dir))}"
    return Interrupted(f"stopped {where}; go on with: python -m training train {place} --resume")
