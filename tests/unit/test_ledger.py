"""What workers hold is added up over all of them, and forgotten with the worker that held it."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.admission import Admission
from service.errors import Overloaded
from service.ledger import Ledger

ROOT = Path(__file__).parents[2]


def test_a_worker_alone_sees_what_it_holds() -> None:
    ledger = Ledger()
    ledger.images.add(3)
    ledger.images.add(-1)
    ledger.maps_running.put(7)
    assert (ledger.images.total, ledger.bytes.total, ledger.maps_running.total) == (2, 0, 7)
    assert Ledger().images.total == 0


def test_every_worker_sees_the_total(tmp_path: Path) -> None:
    workers = [Ledger.open(tmp_path, 3, row) for row in range(3)]
    for held, worker in enumerate(workers, 1):
        worker.images.add(held)
        worker.bytes.put(10 * held)
    assert [worker.images.total for worker in workers] == [6, 6, 6]
    assert [worker.bytes.total for worker in workers] == [60, 60, 60]


def test_what_one_worker_does_changes_no_share_of_another(tmp_path: Path) -> None:
    one, other = (Ledger.open(tmp_path, 2, row) for row in range(2))
    one.images.add(5)
    other.images.put(2)
    one.images.put(0)
    assert one.images.total == other.images.total == 2


def test_whoever_takes_over_a_row_begins_with_nothing(tmp_path: Path) -> None:
    one, other = (Ledger.open(tmp_path, 2, row) for row in range(2))
    for account in (one.images, one.bytes, one.maps_running, one.maps_waiting, other.images):
        account.add(4)
    successor = Ledger.open(tmp_path, 2, 0)
    assert (successor.images.total, successor.bytes.total, successor.maps_running.total) == (4, 0, 0)
    assert successor.maps_waiting.total == 0


def test_the_supervisor_forgets_a_row(tmp_path: Path) -> None:
    supervisor = Ledger(2, folder=tmp_path)
    one, other = (Ledger.open(tmp_path, 2, row) for row in range(2))
    one.bytes.add(4)
    other.bytes.add(3)
    assert supervisor.pids == {0: os.getpid(), 1: os.getpid()}
    supervisor.forget(0)
    assert other.bytes.total == supervisor.bytes.total == 3
    assert supervisor.pids == {1: os.getpid()}


def test_a_process_sees_what_another_writes(tmp_path: Path) -> None:
    here = Ledger.open(tmp_path, 2, 0)
    here.images.add(40)
    there = "import sys; from pathlib import Path; from service.ledger import Ledger\n"
    there += "ledger = Ledger.open(Path(sys.argv[1]), 2, 1); ledger.images.add(2); print(ledger.images.total)"
    command = [sys.executable, "-c", there, str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "42\n"
    assert here.images.total == 42


def test_workers_are_bounded_together(tmp_path: Path) -> None:
    one, other = (Admission(3, 10, Ledger.open(tmp_path, 2, row)) for row in range(2))
    with one.admit() as first, other.admit() as second:
        first.hold_images(2)
        assert one.images == other.images == 3
        with pytest.raises(Overloaded), other.admit():
            pass
        second.hold_bytes(6)
        with pytest.raises(Overloaded):
            first.hold_bytes(5)
        one.hold_answer(4)
        assert one.bytes == other.bytes == 10
        one.hold_answer(-4)
    assert (one.images, one.bytes, other.images, other.bytes) == (0, 0, 0, 0)


def test_the_places_of_a_worker_that_died_are_free_again(tmp_path: Path) -> None:
    died, other = (Admission(2, 10, Ledger.open(tmp_path, 2, row)) for row in range(2))
    with ExitStack() as never_left:
        for _ in range(2):
            never_left.enter_context(died.admit())
        with pytest.raises(Overloaded), other.admit():
            pass
        Ledger(2, folder=tmp_path).forget(0)
        with other.admit() as ticket:
            ticket.hold_images(2)
