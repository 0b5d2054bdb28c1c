"""Whether encoding keeps its latency while maps are computed.

python -m benchmarks.tsne.fairness --data-root DIR --models-dir DIR --output FILE.json [--repeats 5]

wrk asks the service for the latents of single images, as JSON numbers, from a number of connections; in turns with and
without a client beside it that asks for one map after the other of the reference sample, each with another seed, so
that none is kept from before. Figures are medians over the repeats, with the least and the most; the ratio is that of
the 99th percentiles within each repeat. The exit status is 1 where a median ratio is above 2.
"""

import argparse
import http.client
import itertools
import json
import signal
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving import machine
from benchmarks.serving.__main__ import PICTURES, find_model
from benchmarks.serving.own import OwnServer
from benchmarks.serving.pictures import load_pictures
from benchmarks.serving.workloads import Task
from benchmarks.serving.wrk import Load, run_wrk, write_requests

MOST_RATIO = 2.0
_SETTLE_S = 2
_MAP_TIMEOUT_S = 300


@dataclass
class Mapping:
    """A client that asks for one map after the other."""

    port: int
    maps: int = 0
    """Answered so far."""
    failure: str = ""
    _seeds: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Ask for maps while the block runs; the last one is left before its answer."""
        over = threading.Event()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_MAP_TIMEOUT_S)
        asking = threading.Thread(target=self._ask, args=(connection, over))
        asking.start()
        try:
            over.wait(_SETTLE_S)
            yield
        finally:
            over.set()
            if connection.sock is not None:
                connection.sock.shutdown(2)
            asking.join()
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, over: threading.Event) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            while not over.is_set():
                connection.request("POST", f"/tsne?seed={next(self._seeds)}", b'{"reference": true}', headers)
                answer = connection.getresponse()
                if len(answer.read()) == 0 or answer.status != http.HTTPStatus.OK:
                    raise OSError(f"a map was answered {answer.status}")
                self.maps += 1
        except (OSError, http.client.HTTPException) as error:
            self.failure = "" if over.is_set() else str(error)


@dataclass
class Fairness:
    """One number of connections: what wrk measured in each repeat, alone and beside maps."""

    connections: int
    alone: list[Load] = field(default_factory=list)
    beside_maps: list[Load] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Of the 99th percentiles, repeat by repeat."""
        return [beside.p99_ms / alone.p99_ms for alone, beside in zip(self.alone, self.beside_maps, strict=True)]

    def rows(self) -> Iterator[str]:
        """The lines of a table."""
        for name, loads in (("alone", self.alone), ("beside maps", self.beside_maps)):
            cells = [_spread([load.requests / load.seconds for load in loads], 0)]
            cells += [_spread([getattr(load, f"{what}_ms") for load in loads], 2) for what in ("p50", "p99", "max")]
            yield f"| {self.connections} | {name} | {' | '.join(cells)} |"


def measure(port: int, requests: Path, connections: Sequence[int], seconds: int, repeats: int) -> dict[str, Any]:
    """Load a server in turns.

    Raises:
        LoadFailed: An image was not answered with 2xx.
        SystemExit: A map was not.
    """
    mapping = Mapping(port)
    found = [Fairness(count) for count in connections]
    for one in found:
        run_wrk(requests, port, one.connections, _SETTLE_S)
    for _, one in itertools.product(range(repeats), found):
        one.alone.append(run_wrk(requests, port, one.connections, seconds))
        with mapping.beside():
            one.beside_maps.append(run_wrk(requests, port, one.connections, seconds))
        if mapping.failure:
            raise SystemExit(mapping.failure)
    print("| connections | | images/s | p50 ms | p99 ms | most ms |\n| ---: | --- | ---: | ---: | ---: | ---: |")
    for one in found:
        print("\n".join(one.rows()))
    for one in found:
        print(f"{one.connections} connections: p99 beside maps is {_spread(one.ratios, 2)} times that alone")
    return {"maps": mapping.maps, "loads": [{**asdict(one), "p99_ratios": one.ratios} for one in found]}


def main() -> int:
    """Measure, print, keep; 1 where encoding does not keep its latency."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # so that no server is left behind
    models_dir = options.models_dir.resolve()
    model = find_model(models_dir)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        OwnServer.warm_up(models_dir, model, folder / "cold", 1)
        server = OwnServer(models_dir, model, folder / "warm", 1)
        try:
            ready_s = server.wait()
            call = server.call(Task.NUMBERS)
            requests = folder / "requests"
            write_requests(
                [call.request([picture]) for picture in load_pictures(options.data_root, PICTURES)], requests
            )
            found = measure(server.port, requests, options.connections, options.seconds, options.repeats)
        finally:
            server.stop()
    print(f"{found['maps']} maps were computed meanwhile; ready {ready_s:.2f} s after the start")
    document = {"machine": machine.describe(), "start_to_ready_s": ready_s, "seconds": options.seconds, **found}
    options.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(any(statistics.median(load["p99_ratios"]) > MOST_RATIO for load in found["loads"]))


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.tsne.fairness", description="Encoding beside maps.")
    parser.add_argument("--data-root", type=Path, required=True, help="folder with MNIST in torchvision's layout")
    parser.add_argument("--models-dir", type=Path, required=True, help="folder of bundles; its default is of MNIST")
    parser.add_argument("--connections", type=lambda text: [int(part) for part in text.split(",")], default=[1, 16])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, required=True, help="a JSON file for all figures")
    return parser


if __name__ == "__main__":
    sys.exit(main())
