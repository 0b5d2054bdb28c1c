"""The results as Markdown."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.serving.comparison import OURS, compare
from benchmarks.serving.results import Results
from benchmarks.serving.summary import Row, Spread, summarise
from benchmarks.serving.workloads import Workload


def to_markdown(results: Results) -> str:
    """The whole report: machine, a table and the comparisons of every workload, and what could not be measured."""
    tables = summarise(results)
    lines = [*_preamble(results), ""]
    for workload, rows in tables.items():
        lines += [*_table(workload, rows), "", *(f"- {found}" for found in compare(workload, rows))]
        lines += [*_absent(results, workload, rows), ""]
    lines += _failures(results)
    return "\n".join(lines).rstrip() + "\n"


def _preamble(results: Results) -> list[str]:
    machine, options = results.machine, results.options
    where = f"{machine['processor']}, {machine['cpus']} CPUs, {machine['memory_gb']} GiB, {machine['system']}"
    tools = f"Python {machine['python']}, {machine['wrk']}, {machine['java'] or 'no Java'}, {machine['date']}"
    how = f"{options['repeats']} repeats of {options['seconds']} s, interleaved; medians (least to most)"
    return [f"{where}; {tools}; {how}.", "", *_versions(results.versions)]


def _versions(versions: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for peer, installed in versions.items():
        named = [f"{name} {installed[name]}" for name in dict.fromkeys((peer, "uvicorn", "torch")) if name in installed]
        yield f"- {peer}: {', '.join(named)}"


def _table(workload: Workload, rows: Sequence[Row]) -> Iterator[str]:
    yield f"## {workload.name}"
    yield ""
    yield f"{workload.task.value[:1].upper()}{workload.task.value[1:]}; connections: {workload.connections}."
    yield ""
    images = workload.images > 1
    heads = [
        "server",
        "requests/s",
        *(["images/s"] if images else []),
        "p50 ms",
        "p99 ms",
        "CPU µs a request",
        "RSS MB",
    ]
    yield f"| {' | '.join(heads)} |"
    yield f"| --- {'| ---: ' * (len(heads) - 1)}|"
    for row in rows:
        cells = [
            f"**{row.server}**" if row.server == OURS else row.server,
            _range(row.requests_per_s),
            *([f"{row.images_per_s.median:,.0f}"] if images else []),
            _number(row.p50_ms.median),
            _number(row.p99_ms.median),
            f"{row.cpu_us.median:,.0f}",
            f"{row.rss_mb.median:,.0f} (peak {row.peak_rss_mb.most:,.0f})",
        ]
        yield f"| {' | '.join(cells)} |"


def _absent(results: Results, workload: Workload, rows: Sequence[Row]) -> Iterator[str]:
    """Peers that have no such request in any setting."""
    peers = dict.fromkeys(server.partition("/")[0] for server in results.left_out.get(workload.name, []))
    names = [peer for peer in peers if peer not in {row.peer for row in rows}]
    if names:
        yield f"- without such a request: {', '.join(names)}"


def _failures(results: Results) -> Iterator[str]:
    if results.failures:
        yield "## Not measured"
        yield ""
    for failure in results.failures:
        yield f"- {failure.server}, {failure.workload or 'everything'}: {failure.reason}"


def _range(value: Spread) -> str:
    return f"{_number(value.median)} ({_number(value.least)} to {_number(value.most)})"


def _number(value: float) -> str:
    """About three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
