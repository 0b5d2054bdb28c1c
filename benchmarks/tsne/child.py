"""The process of one run: `python -m benchmarks.tsne.child PEER SETTING SEED FOLDER`, in the peer's environment."""

import importlib
import json
import sys
import time
from pathlib import Path

import numpy as np

_WARM_UP_POINTS, _WARM_UP_SETS = 1_100, 2


def main() -> None:
    """Warm up, lay out, write the maps and print what it took."""
    peer, setting, seed, folder = sys.argv[1:]
    spaces = [np.load(path) for path in sorted(Path(folder).glob("features-*.npy"))]
    embed = importlib.import_module(f"benchmarks.tsne.peers.{peer}").embed
    embed([features[:_WARM_UP_POINTS] for features in spaces[:_WARM_UP_SETS]], setting, int(seed))
    wall, cpu = time.perf_counter(), time.process_time()
    maps = embed(spaces, setting, int(seed))
    cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    for place, found in enumerate(maps):
        np.save(Path(folder) / f"map-{place:03}.npy", found)
    print(json.dumps(cost | {"peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """The most memory that this process held; getrusage would count what its parent held."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
