"""Grey pictures: arrays of float32, rows by columns."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Plane = NDArray[np.float32]


def round_half_up(value: float) -> int:
    """The nearest whole number; halves are rounded up, as in JavaScript."""
    return math.floor(value + 0.5)


def peak_of(values: Plane, count: int, limit: float) -> float:
    """The mean of the `count` largest values, or of all if there are fewer: a peak that does not depend on a single pixel.

    Values are rounded to 1,024 steps from 0 to `limit`.
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
    """Widens (`radius` > 0) or thins (`radius` < 0) bright areas, by a square of 2·|radius| + 1 pixels.

    Returns the plane itself when the radius is 0. Outside of the plane values are 0.
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
    """The place of a square window on a plane: its centre in pixels of the plane, and how many of these a pixel of the window is wide."""

    x: float
    y: float
    pixel: float


def resample(plane: Plane, window: Window, size: int) -> Plane:
    """Draws the window as a plane of `size` by `size` pixels: interpolates to enlarge, and averages to reduce.

    What lies outside the plane is 0.
    """
    height, width = plane.shape
    columns = _weights(width, window.x, window.pixel, size)
    rows = _weights(height, window.y, window.pixel, size)
    return rows @ (plane @ columns.T)


def _weights(length: int, centre: float, pixel: float, size: int) -> Plane:
    """A row for each window pixel, a column for each plane pixel.

    The weights of the plane's pixels for each pixel of the window: a triangle around its centre that reaches one pixel of the window, or of the plane if that is larger, to each side.
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
