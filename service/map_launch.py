"""How map processes are started: so light a module that it can be done before the service loads torch.

A process that its parent never speaks to ends with it, since its standard input does.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE

from service.cpu import count_cpus

COMMAND = (sys.executable, "-P", "-m", "service.map_process")
"""`-P`: never import from the folder that the service happens to be started in."""
_ROOT = str(Path(__file__).parents[1])
_SPINS = 10_000
"""Some 30 microseconds: from one loop of a step to the next, where waking takes as long."""
_LIBRARIES = ("NUMBA", "OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR")


def launch(threads: int, command: Sequence[str] = COMMAND) -> "subprocess.Popen[bytes]":
    """Start a process that computes maps with so many threads, and do not wait for it."""
    return subprocess.Popen(command, stdin=PIPE, stdout=PIPE, env=_environment(threads))


def launch_all(processes: int) -> list["subprocess.Popen[bytes]"]:
    """Start the map processes of a service, each with a thread for every CPU that may be used."""
    return [launch(count_cpus()) for _ in range(processes)]


def _environment(threads: int) -> dict[str, str]:
    """The parent's environment, with the repository on the path, and threads that soon sleep while they wait."""
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    counts = {f"{library}_NUM_THREADS": str(threads) for library in _LIBRARIES}
    waiting = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": str(_SPINS)}
    return {**os.environ, **counts, **waiting, "PYTHONPATH": path}
