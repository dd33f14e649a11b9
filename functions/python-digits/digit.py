"""Draws a digit the way the model knows them."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np

from pieces import find_pieces
from plane import Plane, Window, grow, peak_of, resample, round_half_up

# The side, in pixels, of what the model looks at, and of the box in it that the digit fills, as in MNIST.
SIDE = 28
BOX = 20

# More pixels to the digit's longer side than this tell nothing more.
ENOUGH = 8 * BOX
# A stroke's width in pixels of the box: thinner ones are grown, thicker ones are thinned.
THINNEST = 1.6
THICKEST = 4.2
# Ink, 0..1, that belongs to a stroke rather than to its soft edge.
STROKE = 0.3
# A piece with a smaller share of the largest piece's ink is a speck.
SPECK = 0.04
# Where the largest piece has a smaller share of all ink, it is grain, and no digit.
GRAIN = 0.1
# What runs from one side of the picture to the other is a ruled line if so much of all ink lies elsewhere.
ELSEWHERE = 0.15


def draw_digit(ink: Plane) -> Optional[Plane]:
    """Makes of ink (0..1 a pixel, any size) the picture that the model reads, the way MNIST's were made.

    Without specks, its longer side 20 pixels, the centre of its mass in the middle of 28 by 28. Values are 0..1.
    Returns None when no ink is left.
    """
    kept = _keep_strokes(ink)
    if kept is None:
        return None
    drawn = _within_reach(kept)
    strokes = grow(drawn, _widening(_measure(drawn)))
    extent = _measure(strokes)
    if extent.mass <= 0:
        return None
    pixel = extent.longer_side / BOX
    reach = SIDE / 2 * pixel
    x = _within(extent.x, extent.right - reach, extent.left + reach)
    y = _within(extent.y, extent.bottom - reach, extent.top + reach)
    digit = resample(strokes, Window(x, y, pixel), SIDE)
    peak = peak_of(digit, 16, 1)
    return None if peak <= 0 else np.minimum(1, digit / np.float32(peak))


def _within_reach(ink: Plane) -> Plane:
    """Reduces what is larger than `ENOUGH`, and leaves out what is around it."""
    extent = _measure(ink)
    side = extent.longer_side
    if side <= ENOUGH:
        return ink
    middle = Window((extent.left + extent.right) / 2, (extent.top + extent.bottom) / 2, side / ENOUGH)
    return resample(ink, middle, ENOUGH + 4)


def _within(value: float, least: float, most: float) -> float:
    return max(least, min(most, value))


class _Extent(NamedTuple):
    """The box around the strokes, the centre of mass, and `outline`: sides of stroke pixels that face no stroke pixel."""

    left: int
    top: int
    right: int
    bottom: int
    x: float
    y: float
    mass: float
    outline: int

    @property
    def longer_side(self) -> int:
        return max(self.right - self.left, self.bottom - self.top)


def _measure(ink: Plane) -> _Extent:
    height, width = ink.shape
    by_column, by_row = ink.sum(axis=0, dtype=np.float64), ink.sum(axis=1, dtype=np.float64)
    mass = float(by_column.sum())
    x = float(by_column @ (np.arange(width) + 0.5)) / mass if mass > 0 else width / 2
    y = float(by_row @ (np.arange(height) + 0.5)) / mass if mass > 0 else height / 2
    is_stroke = np.pad(ink > STROKE, 1)
    outline = np.count_nonzero(np.diff(is_stroke, axis=0)) + np.count_nonzero(np.diff(is_stroke, axis=1))
    columns, rows = (np.flatnonzero(is_stroke.any(axis=axis)) - 1 for axis in (0, 1))
    if columns.size == 0:
        return _Extent(width, height, 0, 0, x, y, mass, outline)
    return _Extent(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1, x, y, mass, outline)


def _widening(extent: _Extent) -> int:
    """The radius, in pixels, by which to grow (or, negative, to thin) strokes that are unlike a pen's."""
    pixel = extent.longer_side / BOX
    # A stroke has two sides, and pixels make its outline 4/π times as long on average.
    stroke = extent.mass / max(1, extent.outline) * 2 * (4 / math.pi)
    if stroke < THINNEST * pixel:
        return round_half_up((THINNEST * pixel - stroke) / 2)
    if stroke > THICKEST * pixel:
        return -round_half_up((stroke - THICKEST * pixel) / 2)
    return 0


def _keep_strokes(ink: Plane) -> Optional[Plane]:
    """The ink without specks and ruled lines; None when there is none."""
    labels, mass, crosses = find_pieces(ink, ink > STROKE)
    total = mass.sum()
    is_digit = ~(crosses & (total - mass > ELSEWHERE * total))
    largest = mass[is_digit].max(initial=0)
    if largest == 0 or largest < GRAIN * total:
        return None
    is_kept = np.append(is_digit & (mass >= SPECK * largest), False)
    # With the pixels around it, for the soft edge of the strokes.
    near = grow(is_kept[labels].astype(np.float32), 1)
    return np.where(near > 0, ink, np.float32(0))
