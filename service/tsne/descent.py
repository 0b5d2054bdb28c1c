"""Attraction, the steps that follow from all forces, and the divergence that they lower."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled, parallel, prange
from service.tsne.affinities import Affinities
from service.tsne.exact import ExactRepulsion
from service.tsne.grid import GridRepulsion

MOST_EXACT = 4000
"""Points in the plane up to which all pairs are quicker than a grid."""
_MOST_EXACT_SMALL = 1500
"""Points in the plane up to which that is so even while exaggeration holds the map small, and its grid with it."""
_EXAGGERATION = 12.0
"""As in van der Maaten 2014, https://jmlr.org/papers/v15/vandermaaten14a.html."""
_ZERO, _ONE, _MOMENTUM = np.float32(0), np.float32(1), np.float32(0.8)
"""The momentum is the later one of van der Maaten & Hinton 2008, here from the first step on, as in openTSNE."""
_MORE, _LESS, _LEAST_GAIN = np.float32(0.2), np.float32(0.8), np.float32(0.01)
_LONGEST_STEP = np.float32(5)
Repulsion: TypeAlias = ExactRepulsion | GridRepulsion


class Descent:
    """A map on its way down: where its points are, and how each coordinate moves."""

    def __init__(self, places: NDArray[np.float32], affinities: Affinities) -> None:
        dimensions, points = places.shape
        self.places = places
        """(dimensions, n)"""
        self._affinities = affinities
        exact, by_grid = ExactRepulsion(points), GridRepulsion(points)
        is_plane = dimensions == 2
        self._repulsion = by_grid if is_plane and points > MOST_EXACT else exact
        self._early_repulsion = by_grid if is_plane and points > _MOST_EXACT_SMALL else exact
        self._is_exaggerated = True
        self._motion = np.empty((2, *places.shape), np.float32)
        self._rest()
        self._forces = np.empty((2, dimensions, points), np.float32)

    def step(self, is_exaggerated: bool) -> None:
        """Move every point along `exaggeration * sum_j p_ij q_ij (y_i - y_j) - sum_j q_ij^2 (y_i - y_j) / sum q`.

        That is a quarter of the gradient. The rate is the number of points over the exaggeration: that of Belkina et
        al. (2019, doi:10.1038/s41467-019-13055-y) while there is any, then twelve times as much, as in openTSNE
        (Poličar, Stražar & Zupan 2024, doi:10.18637/jss.v109.i03). In between all points set out anew, as in
        scikit-learn: velocities and gains were those of forces twelve times as strong, and led to maps worse by 1 % of
        KL at 1,000 points.
        """
        if self._is_exaggerated and not is_exaggerated:
            self._rest()
        self._is_exaggerated = is_exaggerated
        attraction, repulsion = self._forces
        repel = self._early_repulsion if is_exaggerated else self._repulsion
        normaliser = np.float32(1 / repel(self.places, repulsion))
        attract(self.places, self._affinities, attraction)
        exaggeration = np.float32(_EXAGGERATION if is_exaggerated else 1)
        rate = np.float32(self.places.shape[1] / exaggeration)
        _move(self.places, self._motion, self._forces, exaggeration, normaliser, rate)

    def _rest(self) -> None:
        self._motion[0], self._motion[1] = 0, 1

    def divergence(self) -> float:
        """The KL divergence of the map from its affinities."""
        return divergence_from(self._affinities, self.places, self._repulsion)


def attract(places: NDArray[np.float32], affinities: Affinities, forces: NDArray[np.float32]) -> None:
    """Fill `forces` (dimensions, n) with the sums over j of p_ij q_ij (y_i - y_j); q_ij is as in `ExactRepulsion`."""
    along = _attract_in_plane if len(places) == 2 else _attract_in_space
    along(places, affinities.starts, affinities.columns, affinities.values, forces)


def divergence_from(affinities: Affinities, places: NDArray[np.float32], repulsion: Repulsion) -> float:
    """The KL divergence of a map (dimensions, n) from affinities; `repulsion` sums the kernels of all pairs."""
    kernels = repulsion(places, np.empty_like(places))
    sums = np.empty(places.shape[1], np.float64)
    _sum_logarithms(places, affinities.starts, affinities.columns, affinities.values, sums)
    return max(0.0, float(affinities.entropy_term + sums.sum() + np.log(kernels)))  # rounding may fall below


@compiled
def _move(
    places: NDArray[np.float32],
    motion: NDArray[np.float32],
    forces: NDArray[np.float32],
    exaggeration: np.float32,
    normaliser: np.float32,
    rate: np.float32,
) -> None:
    """One step with momentum and gains (Jacobs 1988, doi:10.1016/0893-6080(88)90003-2), none longer than 5.

    `motion` holds velocities and gains, `forces` attraction and repulsion.
    """
    velocities, gains = motion
    for k in range(len(places)):
        pull, push, velocity, gain = forces[0, k], forces[1, k], velocities[k], gains[k]
        for i in range(len(pull)):
            slope = exaggeration * pull[i] - normaliser * push[i]
            gain[i] = max(gain[i] + _MORE if slope * velocity[i] < _ZERO else gain[i] * _LESS, _LEAST_GAIN)
            velocity[i] = _MOMENTUM * velocity[i] - rate * gain[i] * slope
    for i in range(places.shape[1]):
        square = _ZERO
        for k in range(len(places)):
            square += velocities[k, i] * velocities[k, i]
        share = _LONGEST_STEP / max(np.sqrt(square), _LONGEST_STEP)
        for k in range(len(places)):
            velocities[k, i] *= share
            places[k, i] += velocities[k, i]


@parallel
def _attract_in_plane(
    places: NDArray[np.float32],
    starts: NDArray[np.uint32],
    columns: NDArray[np.uint32],
    values: NDArray[np.float32],
    forces: NDArray[np.float32],
) -> None:
    xs, ys = places[0], places[1]
    for i in prange(len(xs)):
        x, y = xs[i], ys[i]
        fx = fy = np.float32(0)
        for entry in range(starts[i], starts[i + 1]):
            j = columns[entry]
            dx, dy = x - xs[j], y - ys[j]
            pull = values[entry] / (_ONE + dx * dx + dy * dy)
            fx += pull * dx
            fy += pull * dy
        forces[0, i], forces[1, i] = fx, fy


@parallel
def _attract_in_space(
    places: NDArray[np.float32],
    starts: NDArray[np.uint32],
    columns: NDArray[np.uint32],
    values: NDArray[np.float32],
    forces: NDArray[np.float32],
) -> None:
    xs, ys, zs = places[0], places[1], places[2]
    for i in prange(len(xs)):
        x, y, z = xs[i], ys[i], zs[i]
        fx = fy = fz = np.float32(0)
        for entry in range(starts[i], starts[i + 1]):
            j = columns[entry]
            dx, dy, dz = x - xs[j], y - ys[j], z - zs[j]
            pull = values[entry] / (_ONE + dx * dx + dy * dy + dz * dz)
            fx += pull * dx
            fy += pull * dy
            fz += pull * dz
        forces[0, i], forces[1, i], forces[2, i] = fx, fy, fz


@parallel
def _sum_logarithms(
    places: NDArray[np.float32],
    starts: NDArray[np.uint32],
    columns: NDArray[np.uint32],
    values: NDArray[np.float32],
    sums: NDArray[np.float64],
) -> None:
    for i in prange(places.shape[1]):
        total = np.float32(0)
        for entry in range(starts[i], starts[i + 1]):
            square = np.float32(0)
            for k in range(len(places)):
                difference = places[k, i] - places[k, columns[entry]]
                square += difference * difference
            total += values[entry] * np.log(_ONE + square)
        sums[i] = total
