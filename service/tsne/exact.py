"""Repulsion summed over all pairs: the quickest way for few points, and the only one in three dimensions."""

import numpy as np
from numpy.typing import NDArray

from service.compiled import parallel, prange

_ONE = np.float32(1)


class ExactRepulsion:
    """Repulsion between all pairs of points."""

    def __init__(self, points: int) -> None:
        self._kernels = np.empty(points, np.float32)

    def __call__(self, places: NDArray[np.float32], forces: NDArray[np.float32]) -> float:
        """Fill `forces` (dimensions, n) with the sums over j of q_ij^2 (y_i - y_j), and return the sum of all q_ij.

        q_ij is 1 / (1 + |y_i - y_j|^2), the kernel of t-SNE (van der Maaten & Hinton 2008).
        """
        repel = _repel_in_plane if len(places) == 2 else _repel_in_space
        repel(places, forces, self._kernels)
        return float(self._kernels.sum(dtype=np.float64))


@parallel
def _repel_in_plane(places: NDArray[np.float32], forces: NDArray[np.float32], kernels: NDArray[np.float32]) -> None:
    xs, ys = places[0], places[1]
    for i in prange(len(xs)):
        x, y = xs[i], ys[i]
        total = fx = fy = np.float32(0)
        for j in range(len(xs)):
            dx, dy = x - xs[j], y - ys[j]
            kernel = _ONE / (_ONE + dx * dx + dy * dy)
            square = kernel * kernel
            total += kernel
            fx += square * dx
            fy += square * dy
        kernels[i] = total - _ONE  # without its own
        forces[0, i], forces[1, i] = fx, fy


@parallel
def _repel_in_space(places: NDArray[np.float32], forces: NDArray[np.float32], kernels: NDArray[np.float32]) -> None:
    xs, ys, zs = places[0], places[1], places[2]
    for i in prange(len(xs)):
        x, y, z = xs[i], ys[i], zs[i]
        total = fx = fy = fz = np.float32(0)
        for j in range(len(xs)):
            dx, dy, dz = x - xs[j], y - ys[j], z - zs[j]
            kernel = _ONE / (_ONE + dx * dx + dy * dy + dz * dz)
            square = kernel * kernel
            total += kernel
            fx += square * dx
            fy += square * dy
            fz += square * dz
        kernels[i] = total - _ONE
        forces[0, i], forces[1, i], forces[2, i] = fx, fy, fz
