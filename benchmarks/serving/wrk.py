"""The load generator: wrk, fed with prepared requests by `load.lua`."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.protocol import Request

SCRIPT = Path(__file__).with_name("load.lua")
_ERRORS = ("connect", "read", "write", "timeout", "status")
_TIMEOUT_S = 60


class LoadFailed(Exception):
    """wrk did not run, or not every request was answered well."""


@dataclass(frozen=True)
class Load:
    """What one run of wrk measured; latencies in milliseconds, each from sending a request to its whole answer."""

    requests: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


def write_requests(requests: Sequence[Request], path: Path) -> None:
    """Write requests that differ only in their bodies, as `load.lua` reads them."""
    head, *_ = requests
    lines = [head.path, *(f"{name}: {value}" for name, value in head.headers.items()), ""]
    with path.open("wb") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
        for request in requests:
            file.write(f"{len(request.body)}\n".encode() + request.body)


def run_wrk(requests: Path, port: int, connections: int, seconds: int) -> Load:
    """Load a server on this machine for some seconds, from one thread.

    Raises:
        LoadFailed: wrk did not run, or a request was not answered with 2xx.
    """
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command += ["--timeout", f"{_TIMEOUT_S}s", "--latency", "--script", str(SCRIPT)]
    command += [f"http://127.0.0.1:{port}", "--", str(requests)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LoadFailed(f"wrk ended with {result.returncode}: {result.stderr.strip()[:200]}")
    return parse(result.stdout)


def parse(output: str) -> Load:
    """Read what `load.lua` printed after wrk's own report.

    Raises:
        LoadFailed: It is not there, nothing was answered, or any request failed.
    """
    last = output.strip().rpartition("\n")[2]
    try:
        figures = json.loads(last)
    except ValueError as error:
        raise LoadFailed("wrk printed no figures") from error
    failed = {name: figures[name] for name in _ERRORS if figures[name]}
    if failed or not figures["requests"]:
        counts = ", ".join(f"{count} {name}" for name, count in failed.items()) or "no answer at all"
        raise LoadFailed(f"{counts} of {figures['requests']} requests failed" if failed else counts)
    latencies = {f"{name}_ms": figures[f"{name}_us"] / 1000 for name in ("p50", "p90", "p99", "max")}
    return Load(figures["requests"], figures["duration_us"] / 1e6, **latencies)
