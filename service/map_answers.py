"""The answers of `/tsne` as JSON and as tables."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from service.map_order import MapOrder
from service.maps import Coordinates, MapAnswer
from service.media import CSV
from service.outputs import plain_cell, write_csv, write_json
from service.placement import Placements
from service.served import ServedModel

_AXES = "xyz"
Names = tuple[str, ...] | None


def write_maps(media_type: str, model: ServedModel, order: MapOrder, answer: MapAnswer) -> bytes:
    """Maps as a table or as JSON, whichever was asked for."""
    if media_type == CSV:
        return _write_maps_table(order, answer)
    maps = [
        {
            "space": space,
            "coordinates": found.coordinates,
            "kl_divergence": found.quality.kl_divergence,
            "perplexity": found.quality.perplexity,
            "trustworthiness": found.quality.trustworthiness,
            "separability": _separability(found.quality.knn_accuracy, found.quality.silhouette),
        }
        for space, found in answer.maps.items()
    ]
    spaces = [{"space": space, **dataclasses.asdict(numbers)} for space, numbers in answer.spaces.items()]
    return write_json({**model.named, "labels": order.labels, "ids": order.ids, "maps": maps, "spaces": spaces})


def write_placements(media_type: str, model: ServedModel, found: Placements, ids: Names) -> bytes:
    """Placements as a table or as JSON, whichever was asked for."""
    if media_type == CSV:
        return _write_placements_table(model, found, ids)
    placements = [
        {
            "coordinates": found.coordinates[point],
            "neighbours": _neighbours(model, found, point),
            "distance": float(found.distance[point]),
            "far": bool(found.far[point]),
        }
        for point in range(len(found.coordinates))
    ]
    return write_json({**model.named, "space": "latent", "ids": ids, "placements": placements})


def _separability(knn_accuracy: float | None, silhouette: float | None) -> dict[str, float | None] | None:
    return None if knn_accuracy is None else {"knn_accuracy": knn_accuracy, "silhouette": silhouette}


def _neighbours(model: ServedModel, found: Placements, point: int) -> list[dict[str, Any]]:
    labels = model.reference_labels
    pairs = zip(found.neighbours[point].tolist(), found.distances[point].tolist(), strict=True)
    return [
        {"index": index, "distance": distance, "label": None if labels is None else labels[index]}
        for index, distance in pairs
    ]


def _write_maps_table(order: MapOrder, answer: MapAnswer) -> bytes:
    """One row a point: its index, its id, its label where there are some, its place on each map."""
    labels, ids = order.labels, order.ids
    columns = [f"{space}_{axis}" for space, found in answer.maps.items() for axis in _axes(found.coordinates)]
    places = [found.coordinates.tolist() for found in answer.maps.values()]

    def rows() -> Iterator[list[Any]]:
        for index, by_map in enumerate(zip(*places, strict=True)):
            label = [] if labels is None else [plain_cell(labels[index])]
            yield [index, _id(ids, index), *label, *(number for place in by_map for number in place)]

    return write_csv(["index", "id", *([] if labels is None else ["label"]), *columns], rows())


def _write_placements_table(model: ServedModel, found: Placements, ids: Names) -> bytes:
    """One row a point: its place, how far its neighbours are, and the nearest of them."""
    places, nearest, labels = found.coordinates.tolist(), found.neighbours[:, 0].tolist(), model.reference_labels
    header = ["index", "id", "latent_x", "latent_y", "distance", "far", "nearest", "nearest_distance", "nearest_label"]
    beside = zip(
        places, found.distance.tolist(), found.far.tolist(), nearest, found.distances[:, 0].tolist(), strict=True
    )
    return write_csv(
        header if labels is not None else header[:-1],
        (
            [index, _id(ids, index), *place, distance, str(far).lower(), row, least, *_label(labels, row)]
            for index, (place, distance, far, row, least) in enumerate(beside)
        ),
    )


def _axes(coordinates: Coordinates) -> str:
    return _AXES[: coordinates.shape[1]]


def _id(ids: Names, index: int) -> str | int:
    return index if ids is None else plain_cell(ids[index])


def _label(labels: Sequence[str] | None, row: int) -> list[str]:
    return [] if labels is None else [plain_cell(labels[row])]
