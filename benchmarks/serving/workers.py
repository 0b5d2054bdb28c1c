"""What a second worker costs: CPU time a request with one worker and with two.

python -m benchmarks.serving.workers --data-root DIR --models-dir DIR [--seconds 5] [--repeats 5] [--output FILE.json]

One image a request, as JSON numbers and as PNG, from 64 connections to one worker; to two from 64, of which each then
has half, and batches half as large, and from 128. Each service keeps its other settings: threads of a model call are
then the CPUs divided by the workers. Both are started once, their answers checked, and one is halted
while the other is loaded; repeats are interleaved. CPU time is user and system time of all processes of a service, from
/proc. Medians and ranges are printed, and the ratio of the two in each repeat.
"""

import argparse
import dataclasses
import json
import signal
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

from benchmarks.serving import machine
from benchmarks.serving.__main__ import PICTURES, find_model
from benchmarks.serving.answers import RightAnswers
from benchmarks.serving.contestants import Served
from benchmarks.serving.own import OwnServer
from benchmarks.serving.pictures import load_pictures
from benchmarks.serving.results import Figures
from benchmarks.serving.summary import Spread
from benchmarks.serving.workloads import WORKLOADS, Workload

SETTINGS = ((1, 1), (2, 1), (2, 2))
"""Workers, and times the connections of the workload; the first is what the others are compared with."""
Found: TypeAlias = dict[tuple[Workload, tuple[int, int]], list[Figures]]
CHOSEN = [workload for workload in WORKLOADS if workload.name in {"json-1", "png-1"}]
_WARM_UP_S = 2


def main() -> None:
    """Measure, print, keep."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # so that no server is left behind
    models_dir = options.models_dir.resolve()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(models_dir, options.data_root, Path(folder), options.seconds, options.repeats)
    described = machine.describe()
    if options.output:
        repeats = [
            {
                "workload": workload.name,
                "workers": workers,
                "connections": workload.connections * times,
                "repeats": [dataclasses.asdict(figures) for figures in taken],
            }
            for (workload, (workers, times)), taken in found.items()
        ]
        kept: dict[str, Any] = {"seconds": options.seconds, "repeats": options.repeats}
        document = {"machine": described, "options": kept, "measurements": repeats}
        options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    console = Console(width=130)
    where = f"{described['processor']}, {described['cpus']} CPUs, Python {described['python']}, {described['wrk']}"
    console.print(f"{where}; {options.repeats} repeats of {options.seconds} s, interleaved", highlight=False)
    console.print(table_of(found))


def measure(models_dir: Path, data_root: Path, folder: Path, seconds: int, repeats: int) -> Found:
    """The figures of every workload and setting, repeat by repeat."""
    model, pictures = find_model(models_dir), load_pictures(data_root, PICTURES)
    right = RightAnswers(model)
    services: dict[int, Served] = {}
    found: Found = {pair: [] for pair in product(CHOSEN, SETTINGS)}
    try:
        for count in {workers for workers, _ in SETTINGS}:
            place = folder / f"workers-{count}"
            services[count] = Served(OwnServer(models_dir, model, place, count), pictures, place)
            services[count].check(right)
            for workload in CHOSEN:
                services[count].measure(workload, _WARM_UP_S)
        for _ in range(repeats):
            for (workload, (workers, times)), taken in found.items():
                load = dataclasses.replace(workload, connections=workload.connections * times)
                taken.append(services[workers].measure(load, seconds))
    finally:
        for service in services.values():
            service.stop()
    return found


def ratios(found: Found, workload: Workload, setting: tuple[int, int]) -> Spread:
    """CPU time a request in a setting over that of one worker, each in the repeat beside it."""
    pairs = zip(found[workload, setting], found[workload, SETTINGS[0]], strict=True)
    return Spread.of([more.cpu_us / one.cpu_us for more, one in pairs])


def table_of(found: Found) -> Table:
    """A row for each workload and setting."""
    table = Table("workload", "workers", "connections", "CPU µs a request", "over one worker's", "requests/s", "RSS MB")
    for (workload, setting), taken in found.items():
        workers, times = setting
        cells = [_range(Spread.of([figures.cpu_us for figures in taken]), ".0f")]
        cells.append("" if setting == SETTINGS[0] else _range(ratios(found, workload, setting), ".2f"))
        cells.append(_range(Spread.of([figures.requests_per_s for figures in taken]), ",.0f"))
        cells.append(_range(Spread.of([figures.rss_mb for figures in taken]), ".0f"))
        table.add_row(workload.name, str(workers), str(workload.connections * times), *cells)
    return table


def _range(value: Spread, form: str) -> str:
    return f"{value.median:{form}} ({value.least:{form}} to {value.most:{form}})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.serving.workers", description="One worker beside two.")
    parser.add_argument("--data-root", type=Path, required=True, help="folder with MNIST in torchvision's layout")
    parser.add_argument("--models-dir", type=Path, required=True, help="folder of bundles; its default is of MNIST")
    parser.add_argument("--seconds", type=int, default=5, help="of one load (default: 5)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, help="a JSON file for the figures of every repeat")
    return parser


if __name__ == "__main__":
    main()
