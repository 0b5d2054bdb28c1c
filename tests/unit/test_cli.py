"""The command line: every refusal is one line and exit status 2, and what it prints can be read back."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from training.__main__ import EXIT_REFUSED, main

ROOT = Path(__file__).parents[2]
Refused = Callable[..., str]


def _check(status: int, output: str, errors: str) -> str:
    assert status == EXIT_REFUSED == 2
    assert "Traceback" not in output + errors
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    assert len(line) > len("error: ")
    return line


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Refused:
    """Run a command that must be refused; returns the line that says why."""

    def run(command: str, *arguments: object) -> str:
        given = [command, *map(str, arguments)]
        if command == "train" and "--resume" not in given:
            given += ["--threads", "1", "--models-dir", str(tmp_path / "models")]
        return _check(main(given), *capsys.readouterr())

    return run


def _printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["train", *map(str, arguments), "--print-config"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def _npz(folder: Path, **arrays: Any) -> Path:
    path = folder / "images.npz"
    np.savez(path, **arrays)
    return path


def _python(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "training", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn"])
def test_a_missing_data_set_is_refused(name: str, refused: Refused, tmp_path: Path) -> None:
    line = refused("train", "--dataset", name, "--data-root", tmp_path)
    assert str(tmp_path) in line
    assert "--download" in line


@pytest.mark.parametrize(("dataset", "entry"), [("folder", "no"), ("npz", "no.npz")])
def test_a_missing_folder_or_file_is_refused(dataset: str, entry: str, refused: Refused, tmp_path: Path) -> None:
    line = refused("train", "--dataset", dataset, "--data-root", tmp_path / entry)
    assert str(tmp_path / entry) in line
    assert "--data-root" in line


def test_an_empty_folder_is_refused(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "cat").mkdir(parents=True)
    assert "no images" in refused("train", "--dataset", "folder", "--data-root", tmp_path / "pictures")


def test_nan_values_are_refused(refused: Refused, tmp_path: Path) -> None:
    images = np.zeros((30, 4, 4))
    images[3] = np.nan
    assert "NaN" in refused("train", "--dataset", "npz", "--data-root", _npz(tmp_path, images=images))


def test_too_few_images_are_refused(refused: Refused, tmp_path: Path) -> None:
    path = _npz(tmp_path, images=np.zeros((19, 4, 4), np.uint8))
    assert "19" in refused("train", "--dataset", "npz", "--data-root", path)


@pytest.mark.parametrize("bottleneck", [64, 65, 10_000])
def test_a_bottleneck_as_large_as_the_image_is_refused(bottleneck: int, refused: Refused) -> None:
    assert f"--bottleneck {bottleneck}" in refused("train", "--bottleneck", bottleneck)


@pytest.mark.parametrize("command", ["train", "sweep"])
@pytest.mark.parametrize(
    ("flag", "value"),
    [("--loss", "unknown"), ("--dataset", "unknown"), ("--epochs", "many"), ("--hidden", "1,x"), ("--preset", "x")],
)
def test_an_unknown_value_is_refused_by_its_flag(command: str, flag: str, value: str, refused: Refused) -> None:
    assert refused(command, flag, value).startswith(f"error: {flag}: ")


@pytest.mark.parametrize("sizes", ["2,x", "0,2", "2,,4", ""])
def test_a_sweep_over_something_else_than_sizes_is_refused(sizes: str, refused: Refused) -> None:
    assert refused("sweep", "--bottleneck", sizes).startswith("error: --bottleneck: ")


@pytest.mark.parametrize("command", ["train", "sweep"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.yaml", "epochs: [1"),
        ("config.toml", "epochs ="),
        ("config.yaml", "epoch: 1"),
        ("config.yaml", "epochs: -1"),
        ("config.yaml", "- epochs"),
        ("config.ini", "epochs=1"),
    ],
)
def test_a_bad_configuration_file_is_refused(
    command: str, name: str, text: str, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    line = refused(command, "--config", tmp_path / name)
    assert str(tmp_path / name) in line or "epoch" in line


def test_a_missing_configuration_file_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert str(tmp_path / "no.yaml") in refused("train", "--config", tmp_path / "no.yaml")


def test_resuming_without_a_checkpoint_is_refused(refused: Refused, tmp_path: Path) -> None:
    line = refused("train", "--resume", "--name", "mine", "--models-dir", tmp_path)
    assert str(tmp_path / "mine") in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--epochs", "5"], "--epochs"),
        (["--seed", "1", "--name", "mine"], "--seed"),
        (["--no-linear-path"], "--linear-path"),
        (["--batch-size", "8", "--loss", "l1"], "--batch-size"),
        (["--config", "config.yaml"], "--config"),
    ],
)
def test_resuming_with_other_flags_is_refused(
    arguments: list[str], named: str, refused: Refused, tmp_path: Path
) -> None:
    assert named in refused("train", "--resume", "--models-dir", tmp_path, *arguments)


@pytest.mark.parametrize("content", [None, "", "no JSON", "[]", "{}", '{"format_version": 2}'])
def test_verifying_what_is_no_bundle_is_refused(content: str | None, refused: Refused, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    assert "manifest" in refused("verify", tmp_path)


def test_verifying_a_file_or_nothing_is_refused(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refused("verify", tmp_path / "file")
    assert str(tmp_path / "no") in refused("verify", tmp_path / "no")


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_other_commands_refuse_what_is_no_bundle(command: str, refused: Refused, tmp_path: Path) -> None:
    more = ["--output", tmp_path / "output"] if command == "report" else []
    assert str(tmp_path) in refused(command, tmp_path, *more)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_run_writes_no_bundle(refused: Refused, tmp_path: Path) -> None:
    refused("train", "--bottleneck", 64)
    refused("train", "--dataset", "npz", "--data-root", _npz(tmp_path, images=np.zeros((19, 4, 4), np.uint8)))
    assert not list((tmp_path / "models").rglob("manifest.json"))
    assert not list((tmp_path / "models").rglob("checkpoint.pt"))


@pytest.mark.parametrize("arguments", [[], ["train", "--unknown"], ["unknown"], ["verify"], ["report", "models"]])
def test_an_unknown_command_or_flag_exits_as_a_refusal(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == EXIT_REFUSED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error: " in captured.err.splitlines()[-1]


@pytest.mark.parametrize("command", [[], ["train"], ["verify"], ["evaluate"], ["report"], ["sweep"]])
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    assert "usage: python -m training" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--preset", "tutorial"],
        ["--preset", "tutorial", "--hidden", "", "--epochs", "3", "--name", "1e3"],
        ["--activation", "none", "--hidden", "64"],
        ["--loss", "bce", "--optimizer", "sgd", "--learning-rate", "1e-5"],
        ["--dataset", "folder", "--image-size", "24x32", "--data-root", "with space/#1", "--in-memory", "no"],
        ["--dataset", "npz", "--data-root", "x" * 300 + "/é: y.npz", "--download", "--no-linear-path"],
    ],
)
def test_the_printed_configuration_is_yaml_that_configures_the_same(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    printed = _printed(capsys, *arguments)
    file = tmp_path / "printed.yaml"
    file.write_text(printed, encoding="utf-8")
    assert _printed(capsys, "--config", file) == printed
    assert isinstance(yaml.safe_load(printed), dict)


@pytest.mark.parametrize("folder", ["images [old]/[b]", "set :smile: one"])
def test_the_printed_configuration_is_not_rewritten(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert yaml.safe_load(_printed(capsys, "--data-root", folder))["data_root"] == folder


def test_a_printed_configuration_keeps_what_the_flags_said(capsys: pytest.CaptureFixture[str]) -> None:
    plain = yaml.safe_load(_printed(capsys))
    changed = yaml.safe_load(_printed(capsys, "--batch-size", "77", "--hidden", "10,20"))
    assert changed == plain | {"batch_size": 77, "hidden": [10, 20]}


def test_python_dash_m_training_refuses_with_status_2_and_no_traceback(tmp_path: Path) -> None:
    run = _python("train", "--dataset", "npz", "--data-root", tmp_path / "no.npz", "--models-dir", tmp_path / "models")
    assert str(tmp_path / "no.npz") in _check(run.returncode, run.stdout, run.stderr)
    run = _python("train", "--loss", "unknown")
    assert "--loss" in _check(run.returncode, run.stdout, run.stderr)
    assert run.stdout == ""


def test_python_dash_m_training_prints_its_configuration_where_it_can_be_piped() -> None:
    run = _python("train", "--print-config", "--seed", "5")
    assert (run.returncode, run.stderr) == (0, "")
    assert yaml.safe_load(run.stdout)["seed"] == 5
