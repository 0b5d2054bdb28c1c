"""The rows of the report's tables, each figure as it is read, the best of a row marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.metrics import Interpolation, MapQuality, PathQuality, Separability, SpaceSeparability
from training.wording import number, percent


@dataclass(frozen=True)
class Cell:
    """One figure, and whether it is the best of its row."""

    text: str
    is_best: bool = False


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str
    note: str
    cells: tuple[Cell, ...]


def separability_rows(figures: Separability) -> list[Row]:
    """Pixels, PCA and latents by every measure; those that need labels only where there are labels."""
    spaces = (figures.pixels, figures.pca, figures.latents)
    share = "share of queries named right"
    rows = [
        _ranked("10-NN accuracy", f"{share} by their neighbours", [percent(s.knn_accuracy) for s in spaces],
                [s.knn_accuracy for s in spaces]),
        _ranked("linear probe", f"{share} by a linear classifier", [percent(s.linear_probe_accuracy) for s in spaces],
                [s.linear_probe_accuracy for s in spaces]),
        _ranked("silhouette", "-1 to 1: nearness to the own class", [number(s.silhouette) for s in spaces],
                [s.silhouette for s in spaces]),
    ]  # fmt: skip
    labelled = [row for row in rows if figures.latents.knn_accuracy is not None]
    return [*labelled, _trustworthiness(spaces)]


def _trustworthiness(spaces: tuple[SpaceSeparability, ...]) -> Row:
    """Pixels are what the others are compared with, so they do not compete."""
    texts = [f"{space.trustworthiness:.3f}" for space in spaces]
    competing = [None, *(space.trustworthiness for space in spaces[1:])]
    return _ranked("trustworthiness", "0 to 1: are neighbours here neighbours in pixels?", texts, competing)


def interpolation_rows(figures: Interpolation) -> list[Row]:
    """Both paths and real images by every measure, and how often the latent path is the better one."""
    measures = {
        "ghosting": "half-grey over ink",
        "nearest_distance": "to a training image",
        "residual": "under an autoencoder trained apart",
    }
    return [_path_row(figures, measure, note) for measure, note in measures.items()]


def map_rows(maps: Sequence[MapQuality]) -> list[Row]:
    """The numbers under the maps, a column each."""
    rows = [
        Row("KL divergence", "", tuple(Cell(f"{quality.kl_divergence:.3f}") for quality in maps)),
        Row("trustworthiness", "", tuple(Cell(f"{quality.trustworthiness:.3f}") for quality in maps)),
        Row("10-NN accuracy", "", tuple(Cell(percent(quality.knn_accuracy)) for quality in maps)),
        Row("silhouette", "", tuple(Cell(number(quality.silhouette)) for quality in maps)),
    ]
    return rows if maps[0].knn_accuracy is not None else rows[:2]


def _path_row(figures: Interpolation, measure: str, note: str) -> Row:
    def read(path: PathQuality) -> float:
        return float(getattr(path, measure))

    ranked = _ranked(
        measure.replace("_", " "),
        note,
        [number(read(path)) for path in (figures.pixel_path, figures.latent_path)],
        [-read(path) for path in (figures.pixel_path, figures.latent_path)],
    )
    others = (Cell(number(read(figures.test_images))), Cell(percent(read(figures.latent_wins))))
    return Row(ranked.name, ranked.note, (*ranked.cells, *others))


def _ranked(name: str, note: str, texts: Sequence[str], values: Sequence[float | None]) -> Row:
    """A row whose highest value is marked, every one of equals; one value alone is best of nothing."""
    known = [value for value in values if value is not None]
    best = [text for text, value in zip(texts, values, strict=True) if len(known) > 1 and value == max(known)]
    return Row(
        name,
        note,
        tuple(Cell(text, value is not None and text in best) for text, value in zip(texts, values, strict=True)),
    )
