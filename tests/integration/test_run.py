"""Whole runs, as a user starts, stops, kills, resumes and repeats them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console

from service.bundle import Bundle, list_files, list_versions, sha256
from service.errors import TrainingError
from service.metrics import Metrics
from training.__main__ import main
from training.bundle import Stage
from training.checkpoint import Checkpoint
from training.config import Config
from training.repeat import evaluate_bundle
from training.resolve import resolve
from training.run import resume, train

FLAGS = ["--hidden", "32,16", "--bottleneck", "6", "--threads", "1", "--models-dir"]


@pytest.fixture
def brief_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bundles whose judge of interpolations learned next to nothing, where nothing is asked about interpolations."""
    monkeypatch.setattr("training.judge.MAX_EPOCHS", 1)
    monkeypatch.setattr("training.judge.IMAGES", 1000)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "training", *arguments]


def _wait_for(condition: str, process: subprocess.Popen[str]) -> None:
    """Read a run's lines until one holds `condition`."""
    assert process.stdout is not None
    for line in process.stdout:
        if condition in line:
            return
    raise AssertionError(f"the run ended without saying {condition!r}")


@contextlib.contextmanager
def _halted(process: subprocess.Popen[str]) -> Iterator[None]:
    """Halt a process where it is: the disk then holds what a kill at this moment would leave there."""
    process.send_signal(signal.SIGSTOP)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    yield
    process.send_signal(signal.SIGCONT)


def _weights(bundle: Bundle) -> dict[str, bytes]:
    """Every parameter's bytes; the file also holds names that count what the process has scripted before."""
    state = bundle.autoencoder.module.state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in state.items()}


def test_the_same_seed_writes_the_same_model(digits_bundle: Bundle, tmp_path: Path, quiet: Console) -> None:
    config = Config(hidden=(32, 16), bottleneck=6, epochs=3, threads=1, models_dir=tmp_path)
    again = Bundle.open(train(config, quiet))
    assert _weights(again) == _weights(digits_bundle)
    assert again.metrics == digits_bundle.metrics


@dataclass(frozen=True)
class Run:
    """A run that was started by its command and went to its end."""

    models: Path
    output: str
    errors: str


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    models = tmp_path_factory.mktemp("first_run")
    answer = subprocess.run(
        _command("train", "--epochs", "2", *FLAGS, str(models)),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "80"},
    )
    return Run(models, answer.stdout, answer.stderr)


def test_a_user_sees_one_line_an_epoch_where_there_is_no_terminal(first_run: Run) -> None:
    lines = [line for line in first_run.output.splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    assert all("images/s" in line and "validation error" in line for line in lines)
    assert first_run.errors == ""


@pytest.mark.usefixtures("brief_judge")
def test_a_second_run_is_the_next_version(first_run: Run, quick: Config, quiet: Console) -> None:
    folder = first_run.models / "digits"
    assert list_versions(first_run.models, "digits") == [1]
    assert train(replace(quick, models_dir=first_run.models, epochs=1), quiet) == folder / "2"
    assert sorted(entry.name for entry in folder.iterdir()) == [".lock", "1", "2"]


def test_evaluate_repeats_a_bundles_figures_and_prints_them_as_json_and_nothing_else(
    digits_bundle: Bundle, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(digits_bundle.path), "--json"]) == 0
    answer = capfd.readouterr().out
    assert json.loads(answer)["reconstruction"]["test"]["images"] == 359
    assert Metrics.model_validate_json(answer) == digits_bundle.metrics


def test_a_bundle_is_not_judged_by_other_images(digits_bundle: Bundle, tmp_path: Path, quiet: Console) -> None:
    copy = Path(shutil.copytree(digits_bundle.path, tmp_path / "1"))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["dataset"]["fingerprint"] = "0" * 64
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TrainingError, match=r"not those that .* was trained on"):
        evaluate_bundle(copy, None, quiet)


EPOCHS = ["--epochs", "40"]


@dataclass(frozen=True)
class Stopped:
    """A run that was stopped by Ctrl-C after three epochs."""

    models: Path
    status: int
    errors: str
    other_run: str
    """Why another run of the same model was refused meanwhile."""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, quick: Config, quiet: Console) -> Stopped:
    models = tmp_path_factory.mktemp("stopped")
    process = subprocess.Popen(_command("train", *EPOCHS, *FLAGS, str(models)), stdout=-1, stderr=-1, text=True)
    try:
        _wait_for("epoch 3/40", process)
        with _halted(process), pytest.raises(TrainingError) as refusal:
            train(replace(quick, models_dir=models), quiet)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    return Stopped(models, process.returncode, errors, str(refusal.value))


def test_two_runs_never_write_to_one_model(stopped: Stopped) -> None:
    assert "another run" in stopped.other_run


@pytest.mark.usefixtures("brief_judge")
def test_ctrl_c_and_resume_end_in_the_bits_of_a_run_that_was_not_stopped(stopped: Stopped, tmp_path: Path) -> None:
    assert stopped.status == 130
    assert stopped.errors.startswith("stopped in epoch ")
    command = stopped.errors.partition("go on with: python -m training ")[2].split()
    assert command[-1] == "--resume"
    assert not list_versions(stopped.models, "digits")
    assert main(command) == 0
    assert main(["train", *EPOCHS, *FLAGS, str(tmp_path)]) == 0
    assert sha256(stopped.models / "digits/1/model.pt") == sha256(tmp_path / "digits/1/model.pt")
    assert not (stopped.models / "digits/checkpoint.pt").exists()
    Bundle.open(stopped.models / "digits/1").verify()


@pytest.mark.usefixtures("brief_judge")
@pytest.mark.timeout(600)
def test_a_kill_at_any_moment_leaves_no_half_bundle(tmp_path: Path, quiet: Console) -> None:
    """Halt a run as each part of the bundle appears, and kill it at the last: there is no version, or a whole one."""
    models = tmp_path / "models"
    folder = models / "digits"
    stage = folder / ".1.partial"
    process = subprocess.Popen(_command("train", "--epochs", "1", *FLAGS, str(models)), stdout=-1, text=True)

    def wait_for(part: str) -> None:
        while process.poll() is None and not (stage / part).exists():
            time.sleep(0.001)

    try:
        for moment in ("model.pt", "golden.npz", "report/index.html", "README.md"):
            wait_for(moment)
            with _halted(process):
                assert list_versions(models, "digits") == []
                assert (stage / moment).exists()
                left = Path(shutil.copytree(models, tmp_path / moment.replace("/", "-")))
            following = Stage.create(left, "digits")
            assert (following.version, list_files(following.path)) == (1, [])
        wait_for("manifest.json")  # the rename follows too soon to be sure that it is not over
    finally:
        process.kill()
        process.communicate()
    before = list_versions(models, "digits")
    for version in before:
        Bundle.open(folder / str(version)).verify()
    path = train(resolve(None, {"epochs": 1, "hidden": "32", "models-dir": models}), quiet)
    Bundle.open(path).verify()
    assert int(path.name) == max(before, default=0) + 1
    assert not list(folder.glob("*.partial"))


def test_resume_refuses_other_images(tmp_path: Path, quick: Config, quiet: Console) -> None:
    (tmp_path / "digits").mkdir()
    Checkpoint(replace(quick, models_dir=tmp_path), "0" * 64, {}).save(tmp_path / "digits" / "checkpoint.pt")
    with pytest.raises(TrainingError, match="not those that the run began with"):
        resume("digits", tmp_path, quiet)


@pytest.mark.parametrize("content", [b"", b"half a checkpoint", b"garbage", b"\0" * 64, b"PK\x03\x04 cut"])
def test_a_checkpoint_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(TrainingError, match="no readable checkpoint"):
        Checkpoint.load(tmp_path / "checkpoint.pt")


@pytest.mark.usefixtures("brief_judge")
def test_streamed_images_train_the_same_model(digits_bundle: Bundle, tmp_path: Path, quiet: Console) -> None:
    config = Config(hidden=(32, 16), bottleneck=6, epochs=3, threads=1, models_dir=tmp_path, in_memory="no", workers=1)
    assert _weights(Bundle.open(train(config, quiet))) == _weights(digits_bundle)


@pytest.mark.usefixtures("brief_judge")
def test_patience_stops_a_run_that_learns_nothing(tmp_path: Path, quick: Config, quiet: Console) -> None:
    config = replace(quick, models_dir=tmp_path, epochs=50, patience=2, learning_rate=1e-12)
    assert len(Bundle.open(train(config, quiet)).history) == 3


@pytest.mark.usefixtures("brief_judge")
def test_a_linear_autoencoder_proves_that_it_is_pca(tmp_path: Path, quiet: Console) -> None:
    flags = {"activation": "none", "hidden": "32", "bottleneck": 6, "threads": 1, "models-dir": tmp_path}
    bundle = Bundle.open(train(resolve(None, flags), quiet))
    assert bundle.history == []
    proof = bundle.metrics.linear
    assert proof is not None
    assert abs(proof.error_gap) < 1e-6
    assert proof.largest_angle_degrees < 0.1


@pytest.mark.usefixtures("brief_judge")
def test_gradient_descent_reaches_almost_pcas_error(tmp_path: Path, quiet: Console) -> None:
    flags = {"activation": "none", "hidden": "", "bottleneck": 6, "threads": 1, "linear-init": "random", "epochs": 150}
    proof = Bundle.open(train(resolve(None, flags | {"models-dir": tmp_path}), quiet)).metrics.linear
    assert proof is not None
    assert 0 < proof.error_gap < 0.05


def test_a_sweep_finds_that_a_narrower_bottleneck_costs_quality(tmp_path: Path) -> None:
    arguments = ["--bottleneck", "2,12,64,6", "--hidden", "32", "--epochs", "5", "--threads", "1"]
    assert main(["sweep", *arguments, "--sweeps-dir", str(tmp_path)]) == 0
    points = json.loads((tmp_path / "digits" / "sweep.json").read_text())
    assert [point["bottleneck"] for point in points] == [2, 6, 12]
    for key in ("test_error", "pca_test_error"):
        assert points[0][key] > points[1][key] > points[2][key]
    assert (tmp_path / "digits" / "sweep.png").stat().st_size > 5000


@pytest.mark.usefixtures("brief_judge")
def test_tensorboard_events_are_written_when_asked(
    tmp_path: Path, quick: Config, quiet: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(replace(quick, models_dir=tmp_path / "models", epochs=1, tensorboard=True), quiet)
    assert any(file.name.startswith("events.") for file in (tmp_path / "runs" / "digits").iterdir())


@pytest.mark.usefixtures("brief_judge")
@pytest.mark.timeout(600)
def test_real_mnist_beats_pca_by_far_in_one_epoch(
    mnist_root: Path, tmp_path: Path, quiet: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors are of all images; how classes keep apart, of which nothing is asked, is measured on a few thousand."""
    for limit, images in (("evaluation.KNOWN", 5000), ("evaluation.QUERY", 2000), ("separability.PROBE", 1000)):
        monkeypatch.setattr(f"training.{limit}_LIMIT", images)
    flags = {"dataset": "mnist", "data-root": mnist_root, "bottleneck": 30, "epochs": 1, "threads": 1}
    bundle = Bundle.open(train(resolve(None, flags | {"models-dir": tmp_path}), quiet))
    bundle.verify()
    assert len(bundle.reference.images) == 2000
    assert bundle.metrics.reconstruction["test"].pca_unclamped.squared_error == pytest.approx(13.87, abs=0.05)
    assert bundle.manifest.metrics.test_squared_error < 0.5 * bundle.manifest.metrics.pca_test_squared_error
