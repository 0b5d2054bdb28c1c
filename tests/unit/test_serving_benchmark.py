"""The parts of the serving benchmark that could be wrong without anybody noticing."""

import dataclasses
import importlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.serving.__main__ import PEERS, find_model
from benchmarks.serving.answers import WrongAnswer, compare
from benchmarks.serving.benchmark import without_places
from benchmarks.serving.comparison import compare as compare_rows
from benchmarks.serving.peer import Peer
from benchmarks.serving.pictures import Picture, as_written, read_png
from benchmarks.serving.plot import best_settings, draw
from benchmarks.serving.processes import tree, usage
from benchmarks.serving.protocol import latents, v2_latents
from benchmarks.serving.results import Failure, Figures, Measurement, Results
from benchmarks.serving.summary import Row, summarise
from benchmarks.serving.table import to_markdown
from benchmarks.serving.workloads import WORKLOADS, Task
from benchmarks.serving.wrk import LoadFailed, parse, write_requests

PRINTED = {
    "requests": 200, "duration_us": 4_000_000, "p50_us": 1500, "p90_us": 2000, "p99_us": 9000, "max_us": 12_000,
    "connect": 0, "read": 0, "write": 0, "timeout": 0, "status": 0,
}  # fmt: skip
JSON_1, ALONE = WORKLOADS[:2]
MACHINE = {"processor": "CPU", "cpus": 2, "memory_gb": 8, "system": "Linux", "python": "3", "wrk": "wrk", "java": None}


def printed(**changes: int) -> str:
    return f"Running 4s test\n  Latency 1.50ms\n{json.dumps(PRINTED | changes)}\n"


def pictures(count: int) -> list[Picture]:
    rng = np.random.default_rng(0)
    return [Picture.of(rng.integers(0, 256, (28, 28), np.uint8)) for _ in range(count)]


def peers() -> list[Peer]:
    return [importlib.import_module(f"benchmarks.serving.peers.{name}").PEER for name in PEERS]


def results(rates: dict[str, list[float]], workload: str = "json-1", **failed: str) -> Results:
    found = Results(MACHINE | {"date": "2026-01-01"}, {"repeats": 2, "seconds": 5})
    for server, repeats in rates.items():
        for number, rate in enumerate(repeats):
            figures = Figures(rate, 1000 / rate, 1500 / rate, 2000 / rate, 3000 / rate, 1e6 / rate, 100, 120)
            found.measurements.append(Measurement(workload, server, number, figures))
    found.failures += [Failure(server, workload, reason) for server, reason in failed.items()]
    return found


def rows(rates: dict[str, list[float]], workload: str = "json-1") -> list[Row]:
    (table,) = summarise(results(rates, workload)).values()
    return table


def test_what_the_load_script_prints_is_read_in_milliseconds_and_seconds() -> None:
    load = parse(printed())
    assert (load.requests, load.seconds) == (200, 4)
    assert (load.p50_ms, load.p90_ms, load.p99_ms, load.max_ms) == (1.5, 2, 9, 12)


@pytest.mark.parametrize("error", ["connect", "read", "write", "timeout", "status"])
def test_a_single_failed_request_fails_the_load(error: str) -> None:
    with pytest.raises(LoadFailed, match=f"1 {error} of 200"):
        parse(printed(**{error: 1}))


@pytest.mark.parametrize("output", ["", "Running 4s test\n", printed(requests=0)])
def test_a_load_without_figures_or_answers_fails(output: str) -> None:
    with pytest.raises(LoadFailed):
        parse(output)


def test_requests_are_written_with_the_length_of_each_body(tmp_path: Path) -> None:
    call = peers()[0].calls[Task.PNG]
    requests = [call.request([picture]) for picture in pictures(3)]
    write_requests(requests, tmp_path / "requests")
    head, _, rest = (tmp_path / "requests").read_bytes().partition(b"\n\n")
    assert head == b"/encode\nContent-Type: image/png"
    for request in requests:
        length, _, rest = rest.partition(b"\n")
        assert rest[: int(length)] == request.body
        rest = rest[int(length) :]
    assert rest == b""


@pytest.mark.parametrize("peer", peers(), ids=lambda peer: peer.name)
def test_every_peer_sends_the_same_numbers(peer: Peer) -> None:
    group = pictures(3)
    for calls in [peer.calls, *(variant.calls for variant in peer.variants if variant.calls)]:
        for task, count in ((Task.NUMBERS, 1), (Task.NUMBERS_BATCH, 3)):
            if task in calls:
                body = calls[task].request(group[:count]).body
                assert np.array_equal(_numbers(json.loads(body)), as_written(group[:count]).ravel())


def _numbers(value: object) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Every number of a document that is written with a fraction, in order: pixels are, shapes are not."""
    if isinstance(value, dict):
        return _numbers([*value.values()])
    if isinstance(value, list):
        return np.concatenate([np.empty(0, np.float32), *map(_numbers, value)])
    return np.array([value] if isinstance(value, float) else [], np.float32)


def test_a_picture_keeps_its_pixels_in_every_form() -> None:
    (picture,) = pictures(1)
    assert np.array_equal(read_png(picture.png), picture.pixels)
    assert np.abs(as_written([picture])[0, :, :, 0] - picture.pixels / 255).max() < 1e-4


def test_answers_are_read_as_rows() -> None:
    assert latents("latent")(b'{"latent": [1, 2]}').tolist() == [[1, 2]]
    assert latents("a", 0)(b'{"a": [[[1, 2], [3, 4]]]}').tolist() == [[1, 2], [3, 4]]
    assert v2_latents(b'{"outputs": [{"shape": [2, 2], "data": [1, 2, 3, 4]}]}').tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        (Task.PNG, np.full((1, 3), 2e-4)), (Task.PNG, np.zeros((1, 2))), (Task.PNG, np.full((1, 3), np.nan)),
        (Task.REBUILD, np.full((1, 3), 2)),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_noticed(task: Task, answer: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    with pytest.raises(WrongAnswer):
        compare(task, answer, np.zeros((1, 3)))
    compare(Task.REBUILD, np.ones((1, 3), np.uint8), np.zeros((1, 3)))


def test_medians_come_with_their_range_and_the_fastest_first() -> None:
    first, second = rows({"fastapi": [30, 10, 20], "hourglass": [100, 300, 200]})
    assert (first.server, second.server) == ("hourglass", "fastapi")
    assert dataclasses.astuple(first.requests_per_s) == (200, 100, 300)


def test_images_count_in_batches() -> None:
    (row,) = rows({"hourglass": [10]}, "npy-256")
    assert row.images_per_s.median == 2560


def test_who_fails_in_any_repeat_has_no_row_and_is_named() -> None:
    found = results({"hourglass": [10], "litserve": [99]}, litserve="3 status of 99 requests failed")
    ((row,),) = summarise(found).values()
    assert row.server == "hourglass"
    assert "- litserve, json-1: 3 status of 99 requests failed" in to_markdown(found)


def test_ours_is_held_against_the_best_setting_of_others_pair_by_pair() -> None:
    table = rows({
        "hourglass": [400, 100], "fastapi/def": [100, 100], "fastapi/async def": [50, 50], "litserve": [200, 200],
        "constant": [800, 400],
    })  # fmt: skip
    found = {comparison.what: comparison for comparison in compare_rows(JSON_1, table)}
    best, plain = found["requests/s over the best peer's"], found["requests/s over plain FastAPI's"]
    assert (best.other, dataclasses.astuple(best.value)) == ("litserve", (1.25, 0.5, 2))
    assert (plain.other, dataclasses.astuple(plain.value)) == ("fastapi/def", (2.5, 1, 4))
    assert dataclasses.astuple(found["requests/s over a constant answer's"].value) == (0.375, 0.25, 0.5)
    assert found["p99 over the quickest peer's p50"].value.least == 1  # 5 ms over 5 ms
    assert "p50 less a constant answer's" not in found


def test_a_lone_client_is_compared_by_what_it_waits_longer_than_for_nothing() -> None:
    found = compare_rows(ALONE, rows({"hourglass": [500], "constant": [1000]}, "json-1-alone"))
    assert [entry.value.median for entry in found if entry.unit == "ms"] == [1]


def test_the_picture_shows_the_best_setting_of_each(tmp_path: Path) -> None:
    table = rows({"fastapi/def": [100], "fastapi/async def": [50], "hourglass": [400]})
    assert [row.server for row in best_settings(JSON_1, table)] == ["hourglass", "fastapi/def"]
    draw({JSON_1: table}, tmp_path / "bars.png")
    assert (tmp_path / "bars.png").stat().st_size > 10_000


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    found = results({"hourglass": [1, 2]}, kserve="broken")
    found.save(tmp_path, summary={})
    assert Results.load(tmp_path) == found


def test_the_newest_version_of_the_first_model_is_the_one_that_is_served(tmp_path: Path) -> None:
    for place in ("b/3", "a/2", "a/10", "a/.stage"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "model.pt").touch()
    assert find_model(tmp_path) == tmp_path / "a" / "10" / "model.pt"


def test_a_process_uses_time_and_memory_and_is_in_its_own_tree() -> None:
    assert os.getpid() in tree(os.getppid())
    spent = usage(os.getpid())
    assert spent.cpu_s > 0
    assert 10 < spent.rss_mb <= spent.peak_rss_mb


def test_messages_name_no_place() -> None:
    text = "no /opt/some where/x.py at file:///mirror/simple, https://host.example/simple or 1/2"
    assert without_places(text) == "no some where/x.py at … … or 1/2"
