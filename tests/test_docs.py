"""The documents say what the code does: flags, fields, links and commands."""

import dataclasses
import json
import re
import subprocess
from pathlib import Path

import pytest

import service.errors
from service.app import create_app
from service.bundle import Golden, Reference
from service.errors import Refusal
from service.manifest import DatasetRecord, Headline, ImageFormat, Manifest, Versions
from service.metrics import Metrics
from service.settings import Settings
from service.telemetry import Telemetry
from training.__main__ import shown_default
from training.config import Config
from training.fit import Epoch

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "models" / "README.md"]


def flags_table() -> str:
    """The table of flags that docs/training.md must hold."""
    rows = ["| flag | default | what |", "| --- | --- | --- |"]
    for field in dataclasses.fields(Config):
        shown = f"`{shown_default(field)}`" if shown_default(field) else ""
        rows.append(f"| `--{field.name.replace('_', '-')}` | {shown} | {field.metadata['help']} |")
    return "\n".join(rows)


def test_every_flag_is_documented_as_the_help_has_it() -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    assert flags_table() in page, f"docs/training.md needs this table:\n\n{flags_table()}"


@pytest.mark.parametrize(
    "name",
    [
        *(name for model in (Manifest, ImageFormat, DatasetRecord, Versions, Headline) for name in model.model_fields),
        *Metrics.model_fields,
        *(field.name for record in (Reference, Golden, Epoch) for field in dataclasses.fields(record)),
    ],
)
def test_every_field_of_a_bundle_is_documented(name: str) -> None:
    page = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"`(\w+\.)?{name}`", page)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= targets


def test_help_lists_every_command_for_users() -> None:
    answer = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("install", "train", "serve", "test", "lint"):
        assert f"make {target}" in answer.stdout


def test_no_document_names_this_machine() -> None:
    for document in DOCUMENTS:
        assert not re.search(r"/work/|/tmp/|/root/|/home/\w", document.read_text(encoding="utf-8")), document


def settings_table() -> str:
    """The table of settings that docs/operations.md must hold."""
    rows = ["| variable | default | what |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        shown = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `HOURGLASS_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def test_every_setting_is_documented_as_it_describes_itself() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert settings_table() in page, f"docs/operations.md needs this table:\n\n{settings_table()}"


@pytest.mark.parametrize("kind", Refusal.__subclasses__(), ids=lambda kind: kind.slug)
def test_every_problem_is_documented(kind: type[Refusal]) -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert f"| `/problems/{kind.slug}` | {int(kind.status)} | {kind.__doc__} |" in page
    assert f"{kind.__name__} " in (service.errors.__doc__ or ""), "the tree in service/errors.py leaves it out"


def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for name in re.findall(r"^# TYPE (hourglass_\w+?)(?:_created)? ", Telemetry().render().decode(), re.MULTILINE):
        assert f"`{name}`" in page


def test_the_committed_openapi_document_is_current() -> None:
    current = json.dumps(create_app(Settings(_env_file=None)).openapi(), indent=1, ensure_ascii=False) + "\n"
    path = ROOT / "docs" / "openapi.json"
    assert path.read_text(encoding="utf-8") == current, "write it again with: make openapi"


def test_the_readme_is_short() -> None:
    assert 100 <= len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
