"""Pictures of maps, and the style that they share with the report's plots: matplotlib's home in the service."""

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from matplotlib import colormaps, patheffects, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from service.arrays import Labels
from service.maps import Coordinates, PictureFormat, Space, SpaceMap
from service.metrics import MapQuality
from service.naming import short_name

AnyAxes: TypeAlias = Any
"""Axes of two or three dimensions, whose methods take as many coordinates."""
INK, FAINT = "#1F2933", "#8A94A0"
# Okabe & Ito's colours without black and with yellow darkened, and four of Tol's, so that ten stay apart.
CLASS_COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#332288", "#999933", "#882255", "#777777",
)  # fmt: skip
_NAMED_ON_MAP = 40
_FRAME, _PANE, _QUIET = "#E4E8EC", "#F7F9FA", "#52606D"
_TITLES: dict[Space, str] = {"image": "Image space", "latent": "Latent space"}
_METADATA: dict[PictureFormat, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
_STYLE: Any = {
    "figure.dpi": 120,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _FRAME,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "hourglass",
}


@dataclass(frozen=True)
class Groups:
    """The classes of the points of a map: what each is called there, and its colour."""

    labels: Labels | None
    names: dict[int, str]
    """By label, of those that occur."""

    @classmethod
    def of(cls, labels: Labels | None, classes: Sequence[str]) -> "Groups":
        """Name the classes; their numbers stand for many long names, which would cover the map."""
        present = [] if labels is None else [int(label) for label in np.unique(labels)]
        names = {label: short_name(classes, label) for label in present}
        crowded = len(names) > 2 * len(CLASS_COLOURS) and max(map(len, names.values())) > 4
        return cls(labels, {label: str(label) for label in names} if crowded else names)

    def legend_rows(self, inches: float) -> int:
        """Rows of a legend of that width; 0 where there are no classes, or too many for one."""
        if not 0 < len(self.names) <= len(CLASS_COLOURS):
            return 0
        entry = 0.4 + 0.078 * max(map(len, self.names.values()))
        return math.ceil(len(self.names) / max(1, int(inches / entry)))

    @property
    def colours(self) -> list[Any]:
        """By label, colours that stay apart for up to ten classes; steps of one perceptual scheme beyond."""
        count = max(self.names, default=0) + 1
        if count <= len(CLASS_COLOURS):
            return list(CLASS_COLOURS)
        return list(colormaps["viridis"](np.linspace(0, 0.92, count)))


def draw_maps(
    maps: dict[Space, SpaceMap], labels: Labels | None, classes: Sequence[str], picture: PictureFormat
) -> bytes:
    """Maps side by side, each over its numbers, coloured by class -> the file.

    Classes may have any names: they are drawn as plain text. The same maps give the same bytes.
    """
    groups = Groups.of(labels, classes)
    width = 5.2 * len(maps)
    with styled_figure((width, 6.2 + 0.25 * groups.legend_rows(width))) as figure:
        for place, (space, drawn) in enumerate(maps.items(), start=1):
            projection = "3d" if drawn.coordinates.shape[1] == 3 else None
            axes = figure.add_subplot(1, len(maps), place, projection=projection)
            draw_points(axes, drawn.coordinates, groups)
            axes.set_title(_TITLES[space], loc="left")
            _write_numbers(axes, drawn.quality)
        draw_legend(figure, groups)
    return render(figure, picture)


def draw_points(axes: AnyAxes, points: Coordinates, groups: Groups) -> None:
    """The points of a map in the colours of their classes, and each class named at its median."""
    colours = groups.colours
    dots = [colours[0]] * len(points) if groups.labels is None else [colours[label] for label in groups.labels]
    size = float(np.clip(9000 / len(points), 7, 60))
    # Not clipped, since an SVG would say so again for each point.
    axes.scatter(*points.T, s=size, c=dots, alpha=0.8, linewidths=0, clip_on=False)
    _frame(axes)
    _name_groups(axes, points, groups)


def draw_legend(figure: Figure, groups: Groups) -> None:
    """Names and colours below the maps, row by row; where classes are too many for it, what their colours mean."""
    rows = groups.legend_rows(figure.get_figwidth())
    if not rows:
        if groups.names:
            caption = f"{len(groups.names)} classes, dark to light in order"
            figure.supxlabel(caption, x=0.01, ha="left", fontsize=8.5, color=_QUIET)
        return
    entries = [(name, groups.colours[label]) for label, name in groups.names.items()]
    columns = math.ceil(len(entries) / rows)
    by_column = [entry for column in range(columns) for entry in entries[column::columns]]
    handles = [Line2D([], [], marker="o", linestyle="", markersize=7, color=colour) for _, colour in by_column]
    # Labels that begin with an underscore would be left out, so names are put in afterwards.
    legend = figure.legend(
        handles, ["x" * len(name) for name, _ in by_column], loc="outside lower center", ncols=columns,
        handlelength=1, handletextpad=0.3, columnspacing=1.2, borderaxespad=0.2, borderpad=0.8,
    )  # fmt: skip
    for text, (name, _) in zip(legend.get_texts(), by_column, strict=True):
        text.set_text(name)


def halo(width: float = 3.0) -> list[Any]:
    """White around text, so that it can be read on points and lines."""
    return [patheffects.withStroke(linewidth=width, foreground="white")]


@contextmanager
def styled_figure(inches: tuple[float, float]) -> Iterator[Figure]:
    """A figure in the style of all plots, apart from any state of pyplot."""
    with rc_context(_STYLE):
        figure = Figure(inches, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def render(figure: Figure, picture: PictureFormat) -> bytes:
    """A file that says nothing of when and with what it was made."""
    buffer = io.BytesIO()
    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=picture, metadata=_METADATA[picture])
    return buffer.getvalue()


def _name_groups(axes: AnyAxes, points: Coordinates, groups: Groups) -> None:
    """Write the name of each class at the median of its points, large where there is room for it."""
    if groups.labels is None or len(groups.names) > _NAMED_ON_MAP:
        return
    roomy = len(groups.names) <= len(CLASS_COLOURS) and max(map(len, groups.names.values()), default=0) <= 6
    style: Any = {"ha": "center", "va": "center", "fontweight": "bold", "fontsize": 11 if roomy else 8}
    for label, name in groups.names.items():
        axes.text(*np.median(points[groups.labels == label], axis=0), name, path_effects=halo(3.5), **style)


def _frame(axes: AnyAxes) -> None:
    """Scales alike in all directions and without numbers, which mean nothing on a map."""
    axes.set(xticks=[], yticks=[])
    if axes.name == "3d":
        axes.set_zticks([])
        axes.margins(0)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_box_aspect((1, 1, 1), zoom=1.1)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color(_PANE)
            axis.line.set_color(_FRAME)
    else:
        axes.set_aspect("equal", adjustable="datalim")
        axes.spines[:].set(visible=True, color=_FRAME)


def _write_numbers(axes: Axes, quality: MapQuality) -> None:
    numbers = {
        "KL divergence": quality.kl_divergence,
        "trustworthiness": quality.trustworthiness,
        "10-NN accuracy": quality.knn_accuracy,
        "silhouette": quality.silhouette,
    }
    for place, (name, value) in enumerate(numbers.items()):
        if value is not None:
            at: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
            axes.annotate(f"{value:.3f}", (place / 4, 0), (0, -12), va="top", fontsize=13, **at)
            axes.annotate(name, (place / 4, 0), (0, -31), va="top", fontsize=8.5, color=_QUIET, **at)
