"""Grey pictures: arrays of float32, rows by columns."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Plane = NDArray[np.float32]


def round_half_up(value: float) -> int:
    """The nearest whole number; halves go up, as in JavaScript."""
    return math.floor(value + 0.5)


def peak_of(values: Plane, count: int, limit: float) -> float:
    """The mean of the `count` largest values (fewer where there are fewer): a peak that one odd pixel does not decide.

    Values are read as 0..`limit` in 1,024 steps.
    """
    wanted = min(count, values.size)
    if wanted == 0:
        return 0.0
    step = limit / 1023
    bins = np.floor(values.ravel() / np.float64(step) + 0.5).clip(0, 1023).astype(np.intp)
    largest_first = np.bincount(bins, minlength=1024)[::-1]
    before = np.cumsum(largest_first) - largest_first
    taken = np.minimum(largest_first, np.maximum(0, wanted - before))
    return float((taken * np.arange(1023, -1, -1)).sum() * step / wanted)


def grow(plane: Plane, radius: int) -> Plane:
    """Grows (`radius` > 0) or thins (`radius` < 0) what is bright, by a square of 2·|radius| + 1 pixels.

    Returns the plane itself when the radius is 0. Past the edge there is nothing (0).
    """
    if radius == 0:
        return plane
    return _slide(_slide(plane, radius, axis=1), radius, axis=0)


def _slide(plane: Plane, radius: int, axis: int) -> Plane:
    reach = abs(radius)
    edges = [(0, 0), (0, 0)]
    edges[axis] = (reach, reach)
    windows = sliding_window_view(np.pad(plane, edges), 2 * reach + 1, axis)
    return windows.max(axis=-1) if radius > 0 else windows.min(axis=-1)


class Window(NamedTuple):
    """Where a square window lies on a plane: its centre in the plane's pixels, and the plane's pixels per window pixel."""

    x: float
    y: float
    pixel: float


def resample(plane: Plane, window: Window, size: int) -> Plane:
    """Draws the window as a plane of `size` by `size`, smoothly when it enlarges and averaging when it reduces.

    What lies outside the plane is 0.
    """
    height, width = plane.shape
    columns = _weights(width, window.x, window.pixel, size)
    rows = _weights(height, window.y, window.pixel, size)
    return rows @ (plane @ columns.T)


def _weights(length: int, centre: float, pixel: float, size: int) -> Plane:
    """A row for each window pixel, a column for each plane pixel.

    A tent around each window pixel's centre, one window pixel or one plane pixel wide to each side: the larger.
    """
    reach = max(1.0, pixel)
    middle = centre + (np.arange(size)[:, np.newaxis] + 0.5 - size / 2) * pixel
    under_tent = np.ceil(middle - 0.5 - reach).astype(np.intp) + np.arange(math.floor(2 * reach) + 1)
    tent = np.maximum(0, 1 - np.abs(under_tent + 0.5 - middle) / reach)
    tent /= tent.sum(axis=1, keepdims=True)
    row, column = np.nonzero((under_tent >= 0) & (under_tent < length))
    weights = np.zeros((size, length), np.float32)
    weights[row, under_tent[row, column]] = tent[row, column]
    return weights
