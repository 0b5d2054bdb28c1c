"""The commands of README.md and docs/ run as they stand, against what `make serve` serves, and say what they show."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import torch
from _pytest.mark.structures import ParameterSet

from service.__main__ import main as service_main
from tests.integration.conftest import is_ready, wait_until
from training.__main__ import main as training_main

ROOT = Path(__file__).parents[2]
PYTHON = ".venv/bin/python"
DOCUMENTS = ("README.md", "docs/api.md", "docs/operations.md")
_BLOCK = re.compile(r"```(\w+)\n(.*?)```(?:\n```(json|text)\n(.*?)```)?", re.DOTALL)


def _blocks(language: str, containing: str) -> list[ParameterSet]:
    """Code blocks with the output that is shown below them, as pytest's parameters."""
    found: list[ParameterSet] = []
    for document in DOCUMENTS:
        for number, match in enumerate(_BLOCK.finditer((ROOT / document).read_text(encoding="utf-8"))):
            if match[1] == language and containing in match[2]:
                found.append(pytest.param(match[2], match[4], id=f"{Path(document).stem}-{number}"))
    return found


def _lines(beginning: str) -> list[str]:
    """The lines of all shell blocks that begin with a text, without their comments."""
    blocks = [match[2] for document in DOCUMENTS for match in _BLOCK.finditer((ROOT / document).read_text("utf-8"))]
    return [
        line.partition("#")[0].strip() for block in blocks for line in block.splitlines() if line.startswith(beginning)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """What `make serve` makes where there is no bundle: the folder of models and the port of the service."""
    models = tmp_path_factory.mktemp("models")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = ["make", "serve", f"MODELS={models}", f"ARGS=--port {port}"]
    with (models / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:  # a new one each time would load the CPU
                wait_until(lambda: process.poll() is not None or _is_ready(client), seconds=100)
            assert process.poll() is None, (models / "log").read_text()
            yield models, port
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=40)


def _is_ready(client: httpx2.Client) -> bool:
    try:
        return is_ready(client)
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize(("commands", "shown"), _blocks("sh", "curl"))
def test_the_curl_lines_answer_what_they_show(
    commands: str, shown: str | None, made: tuple[Path, int], tmp_path: Path
) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    script = "set -euo pipefail\n" + commands.replace("curl -s", "curl -s --fail-with-body").replace(
        ":8000", f":{made[1]}"
    )
    if "/problems/" in (shown or ""):
        script = script.replace(" --fail-with-body", "")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if shown is not None:
        assert _skeleton(done.stdout) == _skeleton(shown)


@pytest.mark.parametrize(("program", "_shown"), _blocks("python", "localhost"))
def test_the_python_programs_run(program: str, _shown: str | None, made: tuple[Path, int], tmp_path: Path) -> None:
    script = program.replace(":8000", f":{made[1]}")
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


@pytest.mark.parametrize("line", _lines(f"{PYTHON} -m training train") + _lines(f"{PYTHON} -m service"))
def test_commands_name_flags_that_exist(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are parsed as they stand, and end before they train or serve."""
    monkeypatch.chdir(ROOT)
    assert _run(line + (" --print-settings" if "-m service" in line else " --print-config")) == 0


@pytest.mark.parametrize("line", [*_lines(f"{PYTHON} -m training verify"), *_lines(f"{PYTHON} -m training evaluate")])
def test_commands_on_a_bundle_run(line: str, made: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert _run(line.replace(" models/", f" {made[0]}/")) == 0


def _run(line: str) -> int:
    """Run a line for Python as a shell would, but in this process: others take seconds to load torch."""
    python, dash_m, program, *arguments = shlex.split(line)
    assert (python, dash_m) == (PYTHON, "-m")
    threads = torch.get_num_threads()
    try:
        return {"training": training_main, "service": service_main}[program](arguments)
    finally:
        torch.set_num_threads(threads)  # those of the bundle's training were set


def _skeleton(output: str) -> list[str]:
    """What must be equal of two outputs: keys, words and types; numbers and pictures differ from model to model."""
    return re.findall(r'"\w+":|[a-z]+/[a-z+-]+|true|false|null', re.sub(r'"[0-9a-zA-Z+/=]{24,}"', '""', output))
