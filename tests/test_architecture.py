"""The drawing in docs/architecture.md, as tests: imports point one way, and every library has one home."""

import ast
import subprocess
import sys
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
    "simdjson": {"service/json_body.py"},
    "multipart": {"service/form.py"},
    "prometheus_client": {"service/telemetry.py"},
    "pydantic_settings": {"service/settings.py"},
    "uvicorn": {"service/server.py", "service/supervisor.py", "service/protocol.py"},
    "imagecodecs": {"service/png.py"},
    "numba": {"service/compiled.py"},
    "threadpoolctl": {"service/compiled.py"},
    "jinja2": {"training/pages.py"},
    "sklearn": {"training/anomaly.py", "training/arrays.py", "training/probe.py"},
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


def _name(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")


GRAPH = {_name(path): _imports(path) for path in MODULES}


def _reached(module: str) -> set[str]:
    """Everything that a module imports, itself or through others."""
    seen, ahead = set[str](), list(GRAPH[module])
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += GRAPH.get(name, set())
    return seen


@pytest.mark.parametrize("module", GRAPH)
def test_no_module_imports_itself_through_others(module: str) -> None:
    assert module not in _reached(module)


@pytest.mark.parametrize("module", [name for name in GRAPH if name.startswith("training.")])
def test_training_knows_neither_http_nor_settings(module: str) -> None:
    reached = {name.split(".")[0] for name in _reached(module)} | _reached(module)
    assert not reached & {"fastapi", "starlette", "uvicorn", "service.settings"}


BELOW_ROUTES = [name for name in GRAPH if name.startswith("service.") and not name.startswith("service.routes")]


ABOVE_ROUTES = {f"service.{name}" for name in ("__main__", "server", "supervisor", "app")}


@pytest.mark.parametrize("module", [name for name in BELOW_ROUTES if name not in ABOVE_ROUTES])
def test_nothing_below_knows_the_routes(module: str) -> None:
    assert not any(name.startswith(("service.routes", "service.app")) for name in _reached(module))


@pytest.mark.parametrize(
    "module", ["inputs", "outputs", "image_input", "latent_input", "json_body", "npy", "form", "served"]
)
def test_what_reads_and_computes_knows_no_framework(module: str) -> None:
    reached = {name.split(".")[0] for name in _reached(f"service.{module}")}
    assert not reached & {"fastapi", "starlette"}


def test_a_supervisor_of_workers_loads_nothing_that_computes() -> None:
    code = "import sys, service.__main__, service.supervisor; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "fastapi", "prometheus_client"} & set(ran.stdout.split())


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert service.__version__ == project["version"]
