"""Every stage runs on a real bundle, and an earlier run is compared with rightly."""

import dataclasses
import io
from itertools import product
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.serving.pictures import Picture
from benchmarks.serving.summary import Spread
from benchmarks.stages.__main__ import run
from benchmarks.stages.report import Report, compare, table_of
from benchmarks.stages.stage import CPU, Stage
from benchmarks.stages.timing import Figure, take, times_for
from service.bundle import Bundle


@pytest.fixture(scope="module")
def report(digits_bundle: Bundle) -> Report:
    pictures = [Picture.of(pixels[..., 0]) for pixels in digits_bundle.reference.images[:32]]
    return run(digits_bundle.path.parents[1], pictures, repeats=1, sample_s=0)


def figure(name: str, *relative: float) -> Figure:
    return Figure("decode", name, "request", Spread(9, 9, 9), Spread(*relative))


def printed(report: Report, *earlier: Figure) -> str:
    console = Console(file=io.StringIO(), width=150)
    console.print(table_of(report.figures, compare(report.figures, earlier)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_stage_is_measured_and_named_once(report: Report) -> None:
    assert list(dict.fromkeys(figure.group for figure in report.figures)) == [
        "decode", "batch", "model", "placing", "encode", "whole",
    ]  # fmt: skip
    assert len({(figure.group, figure.name) for figure in report.figures}) == len(report.figures)
    assert all(spread.median > 0 for figure in report.figures for spread in (figure.us, figure.relative))


def test_the_model_is_measured_with_every_operation_and_batch(report: Report) -> None:
    measured = {figure.name for figure in report.figures if figure.group == "model"}
    operations = ("encode", "decode", "reconstruct")
    assert measured == {f"{name}, batch of {size}" for name, size in product(operations, (1, 8, 64, 256))}


def test_a_report_comes_back_from_its_file_with_machine_and_versions(report: Report, tmp_path: Path) -> None:
    report.save(tmp_path / "stages.json")
    loaded = Report.load(tmp_path / "stages.json")
    assert loaded == report
    assert {"processor", "cpus", "python"} <= loaded.machine.keys()
    assert f"torch {loaded.versions['torch']}" in loaded.heading()


def test_the_table_has_a_row_for_every_stage_and_a_ratio_only_where_it_is_compared(report: Report) -> None:
    first, *_ = report.figures
    alone = printed(report)
    assert all(figure.name in alone for figure in report.figures)
    assert "ratio" not in alone
    doubled = dataclasses.replace(first, relative=Spread(*(2 * value for value in dataclasses.astuple(first.relative))))
    compared = printed(report, doubled)
    assert "0.50 !" in compared
    assert compared.count(" new ") == len(report.figures) - 1


def test_runs_are_compared_by_the_medians_of_their_relative_figures() -> None:
    now = [
        figure("slower", 3, 2.5, 4),
        figure("as before", 2, 1, 3),
        figure("faster", 1, 0.9, 1.1),
        figure("new", 1, 1, 1),
    ]
    then = [
        figure("gone", 1, 1, 1),
        figure("faster", 2, 1.9, 3),
        figure("as before", 2.5, 2, 3),
        figure("slower", 2, 1, 2),
    ]
    changes = {change.figure.name: (change.ratio, change.is_apart) for change in compare(now, then)}
    assert changes == {"slower": (1.5, True), "as before": (0.8, False), "faster": (0.5, True)}


def test_a_figure_is_of_one_unit_of_the_work() -> None:
    ticks = iter(range(1000))
    done: list[int] = []
    stage = Stage("batch", "four at once", done.append, units=4, clock=lambda: float(next(ticks)))
    sample = take(stage, times=5)
    assert done == [5]
    assert sample.us == pytest.approx(1e6 / 20)  # the clock moves by a second each time it is asked
    assert sample.relative == pytest.approx(1 / 20 / (10 / 20_000))


def test_work_is_repeated_until_a_sample_is_long_enough() -> None:
    stage = Stage("decode", "summing", lambda times: sum(range(1000 * times)))
    times = times_for(stage, 0.01)
    began = CPU()
    stage.work(times)
    assert CPU() - began > 0.001
