"""The drawing in docs/architecture.md, as tests: imports point one way, and every library has one home."""

import ast
import tomllib
from pathlib import Path

import pytest

import service

ROOT = Path(__file__).parents[1]
MODULES = sorted([*(ROOT / "service").rglob("*.py"), *(ROOT / "training").rglob("*.py")])
HOMES = {
    "PIL": {"service/images.py"},
    "imageio": {"service/animation.py"},
    "matplotlib": {"service/plots.py", "training/plots.py"},
    "jinja2": {"training/pages.py"},
    "torchvision": {"training/vision.py"},
    "filelock": {"training/run.py"},
    "yaml": {"training/resolve.py", "training/__main__.py", "training/card.py"},
}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "service").rglob("*.py")), ids=lambda path: path.name)
def test_the_service_never_imports_training(path: Path) -> None:
    assert not {name for name in _imports(path) if name.split(".")[0] == "training"}


def test_the_service_imports_torch_in_one_module() -> None:
    homes = {path.name for path in (ROOT / "service").rglob("*.py") if "torch" in _imports(path)}
    assert homes == {"autoencoder.py"}


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    homes = {
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if any(name.split(".")[0] == library for name in _imports(path))
    }
    assert homes == HOMES[library]


def test_no_two_modules_import_each_other() -> None:
    graph = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): {
            name for name in _imports(path) if name.split(".")[0] in {"service", "training"}
        }
        for path in MODULES
    }
    for module, imported in graph.items():
        seen, ahead = set[str](), list(imported)
        while ahead:
            name = ahead.pop()
            if name in graph and name not in seen:
                seen.add(name)
                ahead += graph[name]
        assert module not in seen, f"{module} imports itself through others"


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert service.__version__ == project["version"]
