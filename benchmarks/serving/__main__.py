"""How fast the service is, beside other ways to serve the same model: measured, printed, drawn.

python -m benchmarks.serving --data-root DIR --models-dir DIR --output DIR [--peers a,b] [--workloads a,b]
python -m benchmarks.serving --output DIR --redraw
"""

import argparse
import dataclasses
import importlib
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from benchmarks.serving import machine
from benchmarks.serving.benchmark import Benchmark, Plan
from benchmarks.serving.comparison import compare
from benchmarks.serving.peer import Peer
from benchmarks.serving.pictures import load_pictures
from benchmarks.serving.plot import draw
from benchmarks.serving.results import Results
from benchmarks.serving.summary import summarise
from benchmarks.serving.table import to_markdown
from benchmarks.serving.workloads import WORKLOADS

PEERS = ["hourglass", "constant", "fastapi", "litserve", "bentoml", "kserve", "mlserver", "torchserve"]
PICTURES = 2048
Named = TypeVar("Named")


def main() -> None:
    """Run the benchmark, or only print and draw what an earlier run has found."""
    parser = _parser()
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # so that no server is left behind
    options.output.mkdir(parents=True, exist_ok=True)
    if not options.redraw:
        if options.data_root is None or options.models_dir is None:
            parser.error("--data-root and --models-dir are needed")
        _run(options)
    results = Results.load(options.output)
    tables = summarise(results)
    (options.output / "serving.md").write_text(to_markdown(results), encoding="utf-8")
    draw(tables, options.output / "serving.png")
    print(to_markdown(results))


def _run(options: argparse.Namespace) -> None:
    peers = [_peer(name) for name in _chosen(options.peers, PEERS)]
    workloads = [entry for entry in WORKLOADS if entry.name in _chosen(options.workloads, [w.name for w in WORKLOADS])]
    models_dir = options.models_dir.resolve()
    plan = Plan(
        peers, workloads, models_dir, find_model(models_dir), options.data_root.resolve(),
        options.seconds, options.warm_up_seconds, options.repeats,
    )  # fmt: skip
    kept = {name: getattr(options, name) for name in ("seconds", "warm_up_seconds", "repeats")}
    results = Results(machine.describe(), kept | {"pictures": PICTURES})
    with tempfile.TemporaryDirectory() as folder:
        pictures = load_pictures(plan.data_root, PICTURES)
        try:
            Benchmark(plan, pictures, results, Path(folder), Console(stderr=True, width=140)).run()
        finally:  # what was measured until an interruption can be drawn, too
            _save(results, options.output)


def _save(results: Results, folder: Path) -> None:
    """Write the results with what they say, so that nobody has to compute it again."""
    tables = summarise(results)
    summary = {workload.name: [dataclasses.asdict(row) for row in rows] for workload, rows in tables.items()}
    comparisons = [dataclasses.asdict(found) for workload, rows in tables.items() for found in compare(workload, rows)]
    results.save(folder, summary=summary, comparisons=comparisons)


def find_model(models_dir: Path) -> Path:
    """The TorchScript file of the model that the service answers with by default: first by name, newest version."""
    found = [path for path in models_dir.glob("*/*/model.pt") if path.parent.name.isdecimal()]
    return min(found, key=lambda path: (path.parents[1].name, -int(path.parent.name)))


def _peer(name: str) -> Peer:
    peer: Peer = importlib.import_module(f"benchmarks.serving.peers.{name}").PEER
    return peer


def _chosen(names: str | None, known: Sequence[str]) -> list[str]:
    chosen = list(known) if names is None else names.split(",")
    unknown = set(chosen) - set(known)
    if unknown:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.serving", description="The service beside its peers.")
    parser.add_argument("--data-root", type=Path, help="folder with MNIST in torchvision's layout")
    parser.add_argument("--models-dir", type=Path, help="folder of bundles; one trained on MNIST must be its default")
    parser.add_argument("--output", type=Path, required=True, help="folder for serving.json, serving.md, serving.png")
    parser.add_argument("--peers", help=f"some of {','.join(PEERS)}")
    parser.add_argument("--workloads", help=f"some of {','.join(workload.name for workload in WORKLOADS)}")
    parser.add_argument("--seconds", type=int, default=5, help="of one load (default: 5)")
    parser.add_argument("--warm-up-seconds", type=int, default=3, help="of the load before the first (default: 3)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--redraw", action="store_true", help="measure nothing; print and draw what --output holds")
    return parser


if __name__ == "__main__":
    main()
