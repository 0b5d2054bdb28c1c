"""Repulsion summed over all pairs: the quickest way for few points, and the only one in three dimensions."""

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled, parallel, prange, use_widest_vectors

_SHARES = 16
"""Parts that the pairs in the plane are dealt out to, each of which sums forces of its own: the most threads of use."""
_ZERO, _ONE = np.float32(0), np.float32(1)


class ExactRepulsion:
    """Repulsion between all pairs of points."""

    def __init__(self, points: int) -> None:
        self._kernels = np.empty(points, np.float32)
        self._totals = np.empty(_SHARES, np.float64)
        self._shares = np.empty((_SHARES, 2, points), np.float32)

    def __call__(self, places: NDArray[np.float32], forces: NDArray[np.float32]) -> float:
        """Fill `forces` (dimensions, n) with the sums over j of q_ij^2 (y_i - y_j), and return the sum of all q_ij.

        q_ij is 1 / (1 + |y_i - y_j|^2), the kernel of t-SNE (van der Maaten & Hinton 2008).
        """
        if len(places) == 2:
            _repel_in_plane(places, self._shares, self._totals)
            self._shares.sum(axis=0, out=forces)
            return float(self._totals.sum())
        _repel_in_space(places, forces, self._kernels)
        return float(self._kernels.sum(dtype=np.float64))


@parallel
def _repel_in_plane(places: NDArray[np.float32], shares: NDArray[np.float32], totals: NDArray[np.float64]) -> None:
    """Meet each pair once, two points at a time with all that come after them, which are then loaded half as often.

    `shares` (16, 2, n) get forces that add up to those of all pairs, `totals` (16,) sums of kernels.
    """
    xs, ys = places[0], places[1]
    for share in prange(_SHARES):
        fxs, fys = shares[share, 0], shares[share, 1]
        fxs[:], fys[:] = _ZERO, _ZERO
        total = np.float64(0)
        for i in range(2 * share, len(xs) - 1, 2 * _SHARES):
            total += _meet(xs, ys, i, fxs, fys)
        totals[share] = 2 * total


@compiled
def _meet(
    xs: NDArray[np.float32], ys: NDArray[np.float32], i: int, fxs: NDArray[np.float32], fys: NDArray[np.float32]
) -> np.float32:
    """Let points i and i + 1 push each other and all after them; add to the forces, and return the sum of kernels."""
    use_widest_vectors()
    x0, y0, x1, y1 = xs[i], ys[i], xs[i + 1], ys[i + 1]
    total, fx0, fy0 = _push(x0 - x1, y0 - y1)
    fx1, fy1 = -fx0, -fy0
    after_xs, after_ys, after_fxs, after_fys = xs[i + 2 :], ys[i + 2 :], fxs[i + 2 :], fys[i + 2 :]
    for j in range(len(after_xs)):
        x, y, fx, fy = after_xs[j], after_ys[j], after_fxs[j], after_fys[j]  # at once, else it is not done in vectors
        kernel0, gx0, gy0 = _push(x0 - x, y0 - y)
        kernel1, gx1, gy1 = _push(x1 - x, y1 - y)
        total += kernel0 + kernel1
        fx0, fy0, fx1, fy1 = fx0 + gx0, fy0 + gy0, fx1 + gx1, fy1 + gy1
        after_fxs[j], after_fys[j] = fx - gx0 - gx1, fy - gy0 - gy1
    fxs[i] += fx0
    fys[i] += fy0
    fxs[i + 1] += fx1
    fys[i + 1] += fy1
    return total


@compiled
def _push(dx: np.float32, dy: np.float32) -> tuple[np.float32, np.float32, np.float32]:
    """The kernel of two points this far apart, and how it pushes the first."""
    kernel = _ONE / (_ONE + dx * dx + dy * dy)
    square = kernel * kernel
    return kernel, square * dx, square * dy


@parallel
def _repel_in_space(places: NDArray[np.float32], forces: NDArray[np.float32], kernels: NDArray[np.float32]) -> None:
    """Meet each pair twice: once, one point at a time with all after it, was not quicker here."""
    xs, ys, zs = places[0], places[1], places[2]
    for i in prange(len(xs)):
        kernels[i], forces[0, i], forces[1, i], forces[2, i] = _meet_in_space(xs, ys, zs, i)


@compiled
def _meet_in_space(
    xs: NDArray[np.float32], ys: NDArray[np.float32], zs: NDArray[np.float32], i: int
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Let all points push point i -> the sum of kernels without its own, and its forces."""
    use_widest_vectors()
    x, y, z = xs[i], ys[i], zs[i]
    total = fx = fy = fz = _ZERO
    for j in range(len(xs)):
        dx, dy, dz = x - xs[j], y - ys[j], z - zs[j]
        kernel = _ONE / (_ONE + dx * dx + dy * dy + dz * dz)
        square = kernel * kernel
        total += kernel
        fx += square * dx
        fy += square * dy
        fz += square * dz
    return total - _ONE, fx, fy, fz
