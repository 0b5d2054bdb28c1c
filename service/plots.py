"""Pictures of maps, and the style that they share with the report's plots: matplotlib's home in the service."""

import io
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from matplotlib import colormaps, patheffects, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from service.arrays import BytePixels, Labels
from service.maps import Coordinates, MeasuredSpace, PictureFormat, Space, SpaceMap, SpaceNumbers, Theme
from service.metrics import MapQuality
from service.naming import short_name
from service.palette import PALETTES, Palette
from service.thumbnails import draw_thumbnails

AnyFigure: TypeAlias = Figure | SubFigure
AnyAxes: TypeAlias = Any
"""Axes of two or three dimensions, whose methods take as many coordinates."""
FAINT = PALETTES["light"].faint
_NAMED_ON_MAP = 40
_MOST_COLOURS = len(PALETTES["light"].classes)
_CANVAS = 1200
"""Pixels of each side of a map of thumbnails."""
_DPI = {"dots": 120, "thumbnails": 180}
_TITLES: dict[MeasuredSpace, str] = {"image": "Image space", "pca": "PCA", "latent": "Latent space"}
_METADATA: dict[PictureFormat, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10.5,
    "text.parse_math": False,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "hourglass",
}


@dataclass(frozen=True)
class Drawing:
    """How maps are drawn."""

    picture: PictureFormat
    theme: Theme = "light"
    thumbnails: BytePixels | None = None
    """The images of the points, drawn in place of dots on maps of two dimensions."""


@dataclass(frozen=True)
class Groups:
    """The classes of the points of a map: what each is called there, and its colour."""

    labels: Labels | None
    names: dict[int, str]
    """By label, of those that occur."""
    palette: Palette

    @classmethod
    def of(cls, labels: Labels | None, classes: Sequence[str], theme: Theme = "light") -> "Groups":
        """Name the classes; their numbers stand for many long names, which would cover the map."""
        present = [] if labels is None else [int(label) for label in np.unique(labels)]
        names = {label: short_name(classes, label) for label in present}
        crowded = len(names) > 2 * _MOST_COLOURS and max(map(len, names.values())) > 4
        return cls(labels, {label: str(label) for label in names} if crowded else names, PALETTES[theme])

    def legend_rows(self, inches: float) -> int:
        """Rows of a legend of that width; 0 where there are no classes, or too many for one."""
        if not 0 < len(self.names) <= _MOST_COLOURS:
            return 0
        entry = 0.4 + 0.078 * max(map(len, self.names.values()))
        return math.ceil(len(self.names) / max(1, int(inches / entry)))

    @property
    def colours(self) -> list[Any]:
        """By label, colours that stay apart for up to ten classes; steps of one perceptual scheme beyond."""
        count = max(self.names, default=0) + 1
        if count <= _MOST_COLOURS:
            return list(self.palette.classes)
        return list(colormaps["viridis"](np.linspace(*self.palette.scale, count)))

    def of_points(self, count: int) -> list[Any]:
        """The colour of each point."""
        colours = self.colours
        return [colours[0]] * count if self.labels is None else [colours[label] for label in self.labels]


def draw_maps(
    maps: Mapping[Space, SpaceMap],
    spaces: Mapping[MeasuredSpace, SpaceNumbers],
    labels: Labels | None,
    classes: Sequence[str],
    drawing: Drawing,
) -> bytes:
    """Maps side by side, each over its numbers, coloured by class, above the numbers of their spaces -> the file.

    Classes may have any names: they are drawn as plain text. The same maps give the same bytes.
    """
    groups = Groups.of(labels, classes, drawing.theme)
    width, table = 5.2 * len(maps), 0.34 + 0.24 * (1 + len(spaces)) if spaces else 0.0
    height = 6.2 + 0.25 * groups.legend_rows(width)
    dpi = _DPI["dots" if drawing.thumbnails is None else "thumbnails"]
    with styled_figure((width, height + table), drawing.theme, dpi) as figure:
        upper, lower = _split(figure, height, table)
        for place, (space, drawn) in enumerate(maps.items(), start=1):
            is_flat = drawn.coordinates.shape[1] == 2
            axes = upper.add_subplot(1, len(maps), place, projection=None if is_flat else "3d")
            if drawing.thumbnails is not None and is_flat:
                _draw_images(axes, drawn.coordinates, drawing.thumbnails, groups)
            else:
                draw_points(axes, drawn.coordinates, groups)
            axes.set_title(_TITLES[space], loc="left")
            _write_numbers(axes, drawn.quality, groups.palette)
        draw_legend(upper, groups, width)
        if lower is not None:
            _write_table(lower, spaces, groups.palette, width)
        return render(figure, drawing.picture)


def draw_points(axes: AnyAxes, points: Coordinates, groups: Groups) -> None:
    """The points of a map in the colours of their classes, and each class named at its median."""
    size = float(np.clip(9000 / len(points), 7, 60))
    # Not clipped, since an SVG would say so again for each point.
    axes.scatter(*points.T, s=size, c=groups.of_points(len(points)), alpha=0.8, linewidths=0, clip_on=False)
    _frame(axes, groups.palette)
    _name_groups(axes, points, groups)


def draw_legend(figure: AnyFigure, groups: Groups, inches: float) -> None:
    """Names and colours below the maps, row by row; where classes are too many for it, what their colours mean."""
    rows = groups.legend_rows(inches)
    if not rows:
        if groups.names:
            caption = f"{len(groups.names)} classes, dark to light in order"
            figure.supxlabel(caption, x=0.01, ha="left", fontsize=8.5, color=groups.palette.quiet)
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


def halo(width: float = 3.0, colour: str = "white") -> list[Any]:
    """Paper around text, so that it can be read on points and lines."""
    return [patheffects.withStroke(linewidth=width, foreground=colour)]


@contextmanager
def styled_figure(inches: tuple[float, float], theme: Theme = "light", dpi: int = _DPI["dots"]) -> Iterator[Figure]:
    """A figure in the style of all plots, apart from any state of pyplot; it must be rendered before the block ends."""
    palette = PALETTES[theme]
    colours: Any = {
        "figure.facecolor": palette.paper, "axes.facecolor": palette.paper, "axes.edgecolor": palette.faint,
        "grid.color": palette.frame, "text.color": palette.ink, "axes.labelcolor": palette.ink,
        "xtick.color": palette.ink, "ytick.color": palette.ink,
    }  # fmt: skip
    with rc_context({**_STYLE, **colours, "figure.dpi": dpi, "savefig.facecolor": "auto"}):
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


def _split(figure: Figure, upper: float, lower: float) -> tuple[AnyFigure, SubFigure | None]:
    """Room for maps, and below it for a table where that needs some."""
    if not lower:
        return figure, None
    parts: Any = figure.subfigures(2, 1, height_ratios=[upper, lower])
    return parts[0], parts[1]


def _draw_images(axes: Axes, points: Coordinates, images: BytePixels, groups: Groups) -> None:
    """As many images as have room, at their places and in the colours of their classes; dots for the others."""
    middle, reach = (points.max(axis=0) + points.min(axis=0)) / 2, float(np.ptp(points, axis=0).max()) * 0.54 or 1.0
    colours = groups.of_points(len(points))
    places = (points - middle) / (2 * reach) + 0.5
    drawn = draw_thumbnails(images, places, to_rgba_array(colours)[:, :3], _CANVAS)
    rest = ~drawn.drawn
    faint = [colour for colour, is_left in zip(colours, rest, strict=True) if is_left]
    axes.scatter(points[rest, 0], points[rest, 1], s=3, c=faint, alpha=0.35, linewidths=0, clip_on=False)
    (left, bottom), (right, top) = middle - reach, middle + reach
    axes.imshow(drawn.canvas, extent=(left, right, bottom, top), interpolation="antialiased", zorder=3)
    axes.grid(visible=False)
    _frame(axes, groups.palette)
    axes.set_aspect("equal", adjustable="box")
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _name_groups(axes: AnyAxes, points: Coordinates, groups: Groups) -> None:
    """Write the name of each class at the median of its points, large where there is room for it."""
    if groups.labels is None or len(groups.names) > _NAMED_ON_MAP:
        return
    roomy = len(groups.names) <= _MOST_COLOURS and max(map(len, groups.names.values()), default=0) <= 6
    style: Any = {"ha": "center", "va": "center", "fontweight": "bold", "fontsize": 11 if roomy else 8}
    for label, name in groups.names.items():
        axes.text(
            *np.median(points[groups.labels == label], axis=0),
            name,
            path_effects=halo(3.5, groups.palette.paper),
            **style,
        )


def _frame(axes: AnyAxes, palette: Palette) -> None:
    """Scales alike in all directions and without numbers, which mean nothing on a map."""
    axes.set(xticks=[], yticks=[])
    if axes.name == "3d":
        axes.set_zticks([])
        axes.margins(0)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_box_aspect((1, 1, 1), zoom=1.1)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color(palette.pane)
            axis.line.set_color(palette.frame)
    else:
        axes.set_aspect("equal", adjustable="datalim")
        axes.spines[:].set(visible=True, color=palette.frame)


def _write_numbers(axes: Axes, quality: MapQuality, palette: Palette) -> None:
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
            axes.annotate(name, (place / 4, 0), (0, -31), va="top", fontsize=8.5, color=palette.quiet, **at)


def _write_table(
    figure: SubFigure, spaces: Mapping[MeasuredSpace, SpaceNumbers], palette: Palette, width: float
) -> None:
    """The numbers of the spaces themselves, row by row; of each column the best is bold."""
    axes = figure.subplots()
    axes.set(xlim=(0, width), ylim=(len(spaces) + 0.4, -0.9))
    axes.axis("off")
    columns = {
        "10-NN accuracy": [numbers.knn_accuracy for numbers in spaces.values()],
        "silhouette": [numbers.silhouette for numbers in spaces.values()],
        # Of the images themselves it is 1 by definition.
        "trustworthiness": [None if name == "image" else numbers.trustworthiness for name, numbers in spaces.items()],
    }
    shown = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    axes.text(0, -0.35, "Before t-SNE", fontsize=8.5, color=palette.quiet)
    for row, (space, numbers) in enumerate(spaces.items(), start=1):
        dimensions = "dimension" if numbers.components == 1 else "dimensions"
        axes.text(0, row - 0.35, _TITLES[space], fontsize=9.5)
        axes.text(1.0, row - 0.35, f"{numbers.components:,} {dimensions}", fontsize=8.5, color=palette.quiet)
    for place, (name, values) in enumerate(shown.items()):
        at = min(width, 6.3) - 0.1 - 1.15 * (len(shown) - 1 - place)
        axes.text(at, -0.35, name, ha="right", fontsize=8.5, color=palette.quiet)
        best = max(value for value in values if value is not None)
        for row, value in enumerate(values, start=1):
            is_best = value == best and len(spaces) > 1
            text = "—" if value is None else f"{value:.3f}"
            axes.text(at, row - 0.35, text, ha="right", fontsize=9.5, fontweight="bold" if is_best else "normal")
