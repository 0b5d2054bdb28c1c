"""The model called directly: how many batches of 256 float32 images a loop encodes, as figures in JSON.

python -m benchmarks.serving.in_process --model FILE --data-root DIR --threads N --seconds N
"""

import argparse
import dataclasses
import json
import os
import time
from pathlib import Path

import numpy as np

from benchmarks.serving.pictures import as_bytes, load_pictures
from benchmarks.serving.processes import usage
from benchmarks.serving.results import Figures
from benchmarks.serving.workloads import BATCH
from service.arrays import to_unit
from service.autoencoder import Autoencoder, set_threads

_BATCHES = 8
_WARM_UP_S = 0.5


def main() -> None:
    """Call the model in a loop for some seconds."""
    parser = argparse.ArgumentParser(description="The model called directly, in batches.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    set_threads(options.threads)
    model = Autoencoder.load(options.model)
    pixels = to_unit(as_bytes(load_pictures(options.data_root, BATCH * _BATCHES)))
    batches = [np.ascontiguousarray(batch) for batch in np.split(pixels, _BATCHES)]
    _loop(model, batches, _WARM_UP_S)
    before = usage(os.getpid())
    calls_ms = _loop(model, batches, options.seconds)
    after = usage(os.getpid())
    p50, p90, p99, most = np.percentile(calls_ms, [50, 90, 99, 100]).tolist()
    cpu_us = (after.cpu_s - before.cpu_s) / len(calls_ms) * 1e6
    rate = 1000 * len(calls_ms) / sum(calls_ms)
    print(json.dumps(dataclasses.asdict(Figures(rate, p50, p90, p99, most, cpu_us, after.rss_mb, after.peak_rss_mb))))


def _loop(
    model: Autoencoder, batches: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]], seconds: float
) -> list[float]:
    """Milliseconds of every call."""
    calls_ms: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        model.encode(batches[len(calls_ms) % len(batches)])
        calls_ms.append((time.perf_counter() - began) * 1000)
    return calls_ms


if __name__ == "__main__":
    main()
