"""One virtual environment a peer, made from its exact pins and kept for as long as these stay the same."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

OWN_PYTHON = Path(sys.executable)
ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".peers"
_STAMP = "requirements.sha256"


class InstallFailed(Exception):
    """A peer's environment could not be made."""


def prepare_environment(name: str, requirements: Path | None) -> Path:
    """The interpreter of a peer's environment, which is made first where there is none for these pins.

    Without requirements that is this process's own.

    torch is installed before all else, so that nothing that merely asks for some torch chooses its build.

    Raises:
        InstallFailed: pip could not install the pins.
    """
    if requirements is None:
        return OWN_PYTHON
    folder = CACHE / name
    python, stamp = folder / "bin" / "python", folder / _STAMP
    pins = requirements.read_text(encoding="utf-8")
    digest = hashlib.sha256(pins.encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == digest):
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        _install(python, *re.findall(r"^torch==\S+", pins, re.MULTILINE))
        _install(python, "--requirement", str(requirements))
        stamp.write_text(digest, encoding="utf-8")
    return python


def installed_versions(python: Path) -> dict[str, str]:
    """Every distribution in an environment, with its version."""
    command = [str(python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {entry["name"]: entry["version"] for entry in json.loads(output)}


def _install(python: Path, *requirements: str) -> None:
    if not requirements:
        return
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        raise InstallFailed(" ".join(errors or result.stderr.splitlines()[-1:]))
