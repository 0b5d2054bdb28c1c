"""The process of one run: `python -m benchmarks.tsne.child PEER SETTING FOLDER`, in the peer's environment."""

import importlib
import json
import sys
import time
from pathlib import Path

import numpy as np

_WARM_UP = 300


def main() -> None:
    """Warm up, lay out, write the map and print what it took."""
    peer, setting, folder = sys.argv[1:]
    features = np.load(Path(folder) / "features.npy")
    embed = importlib.import_module(f"benchmarks.tsne.peers.{peer}").embed
    embed(features[:_WARM_UP], setting)
    wall, cpu = time.perf_counter(), time.process_time()
    places = embed(features, setting)
    cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    np.save(Path(folder) / "map.npy", places)
    print(json.dumps(cost | {"peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """The most memory that this process held; getrusage would count what its parent held."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
