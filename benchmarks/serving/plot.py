"""The results as one picture: bars of every workload, ours beside the best setting of each peer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from benchmarks.serving.comparison import OURS
from benchmarks.serving.contestants import FLOOR, IN_PROCESS
from benchmarks.serving.summary import Row, Spread
from benchmarks.serving.workloads import Workload

# Okabe and Ito's colours, told apart by every kind of colour vision; ours is also bold.
_OURS, _PEER, _FLOOR = "#0072B2", "#B8B8B8", "#E69F00"
_COLUMNS = 2
_LEGEND = {
    "ours": _OURS,
    "others, each in its best setting": _PEER,
    "bounds: a constant answer, the model without a server": _FLOOR,
}


def draw(tables: Mapping[Workload, Sequence[Row]], path: Path) -> None:
    """Draw a panel for every workload into one PNG file."""
    lines = -(-len(tables) // _COLUMNS)
    figure = Figure(figsize=(12, 3.4 * lines), layout=ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.1))
    panels = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for panel, (workload, rows) in zip(panels, tables.items(), strict=False):
        _panel(panel, workload, best_settings(workload, rows))
    for panel in panels[len(tables) :]:
        panel.set_axis_off()
    handles = [Patch(color=colour, label=label) for label, colour in _LEGEND.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False, fontsize=10)
    figure.savefig(path, dpi=150)


def best_settings(workload: Workload, rows: Sequence[Row]) -> list[Row]:
    """Of every peer the setting that is best at what is shown, best first."""
    best: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.p50_ms.median if workload.is_alone else -row.requests_per_s.median):
        best.setdefault(row.peer, row)
    return list(best.values())


def _panel(panel: Axes, workload: Workload, rows: Sequence[Row]) -> None:
    values = [_shown(workload, row) for row in rows]
    places = range(len(rows))
    medians = [value.median for value in values]
    errors = [[value.median - value.least for value in values], [value.most - value.median for value in values]]
    colours = [_colour(row) for row in rows]
    panel.barh(places, medians, xerr=errors, color=colours, error_kw={"elinewidth": 1, "capsize": 2})
    for place, value in zip(places, values, strict=True):
        panel.annotate(
            _label(value.median), (value.most, place), (5, 0), textcoords="offset points", va="center", fontsize=9
        )
    panel.set_yticks(places, [_name(row) for row in rows], fontsize=8.5, linespacing=1.15)
    for label, row in zip(panel.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.server == OURS else "normal")
    panel.invert_yaxis()
    panel.set_xlim(0, max(value.most for value in values) * 1.16)
    panel.locator_params(axis="x", nbins=6)
    panel.xaxis.set_major_formatter("{x:g}" if workload.is_alone else "{x:,.0f}")
    panel.spines[["top", "right"]].set_visible(False)
    connections = "1 connection" if workload.is_alone else f"{workload.connections} connections"
    panel.set_title(f"{workload.name}: {workload.task.value}", loc="left", fontsize=10, fontweight="bold")
    panel.set_xlabel(f"{_unit(workload)}, {connections}", fontsize=9)


def _shown(workload: Workload, row: Row) -> Spread:
    """What counts: latency for a lone client, else how much is done in a second."""
    return row.p50_ms if workload.is_alone else row.images_per_s


def _unit(workload: Workload) -> str:
    return "median latency in ms (less is better)" if workload.is_alone else "images a second (more is better)"


def _name(row: Row) -> str:
    """Peer and setting, in as much room as there is."""
    peer, _, setting = row.server.partition("/")
    return f"{peer}\n{setting}" if setting else peer


def _colour(row: Row) -> str:
    return {OURS: _OURS, FLOOR: _FLOOR, IN_PROCESS: _FLOOR}.get(row.server, _PEER)


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
