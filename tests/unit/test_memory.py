"""What a process gives back, and that it goes on without it."""

import subprocess
import sys

import pytest

SCENE = """
import numpy as np, torch
from service import memory
from service.json_images import read_images

def resident_code():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssFile"))

def work():
    rows = torch.arange(12.0).reshape(3, 4)
    return (rows @ rows.T).tolist(), read_images(b'{"images":[[0.5]]}', (1, 1, 1), 1, 10).tolist()

before = work()
held = resident_code()
memory.let_go_of_code()
assert resident_code() < held / 2
assert work() == before
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is told")
def test_code_that_was_given_back_runs_again() -> None:
    subprocess.run([sys.executable, "-c", SCENE], check=True, timeout=120)
