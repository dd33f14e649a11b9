"""Draws a digit as those look that the model was trained on."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np

from pieces import find_pieces
from plane import Plane, Window, grow, peak_of, resample, round_half_up

# The sides, in pixels, of the model's input and of the box in it that the digit fills, as in MNIST.
SIDE = 28
BOX = 20

# Largest length of the digit's longer side, in pixels: larger digits are reduced, because more pixels add nothing.
ENOUGH = 8 * BOX
# Widths of strokes in pixels of the box: thinner strokes are widened, thicker ones are thinned.
THINNEST = 1.6
THICKEST = 4.2
# Ink, 0..1, above which a pixel belongs to a stroke and not to its soft edge.
STROKE = 0.3
# Smallest share of the largest piece's ink that a piece may have: a smaller piece is a speck, and is removed.
SPECK = 0.04
# Smallest share of all ink that the largest piece may have: with less, the picture is all grain and has no digit.
GRAIN = 0.1
# A piece that runs from one side of the picture to the other is a ruled line if more than this share of all ink lies elsewhere.
ELSEWHERE = 0.15


def draw_digit(ink: Plane) -> Optional[Plane]:
    """Converts ink (0..1 per pixel, any size) to the model's input, as the pictures of MNIST were made.

    Without specks, its longer side 20 pixels, its centre of mass in the middle of 28 by 28 pixels. Values are 0..1.
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
    """Reduces a digit that is larger than `ENOUGH`, and cuts off the empty space around it."""
    extent = _measure(ink)
    side = extent.longer_side
    if side <= ENOUGH:
        return ink
    middle = Window((extent.left + extent.right) / 2, (extent.top + extent.bottom) / 2, side / ENOUGH)
    return resample(ink, middle, ENOUGH + 4)


def _within(value: float, least: float, most: float) -> float:
    return max(least, min(most, value))


class _Extent(NamedTuple):
    """The box around the strokes, the centre of mass, and `outline`: the number of sides of stroke pixels that have no stroke pixel beside them."""

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
    """The radius, in pixels, by which strokes have to be widened to be like those of a pen; negative: thinned."""
    pixel = extent.longer_side / BOX
    # A stroke has two sides, and counted in sides of pixels its outline is 4/π times as long, on average.
    stroke = extent.mass / max(1, extent.outline) * 2 * (4 / math.pi)
    if stroke < THINNEST * pixel:
        return round_half_up((THINNEST * pixel - stroke) / 2)
    if stroke > THICKEST * pixel:
        return -round_half_up((stroke - THICKEST * pixel) / 2)
    return 0


def _keep_strokes(ink: Plane) -> Optional[Plane]:
    """The ink without specks and ruled lines; None if nothing is left."""
    labels, mass, crosses = find_pieces(ink, ink > STROKE)
    total = mass.sum()
    is_digit = ~(crosses & (total - mass > ELSEWHERE * total))
    largest = mass[is_digit].max(initial=0)
    if largest == 0 or largest < GRAIN * total:
        return None
    is_kept = np.append(is_digit & (mass >= SPECK * largest), False)
    # The pixels around a stroke are its soft edge.
    near = grow(is_kept[labels].astype(np.float32), 1)
    return np.where(near > 0, ink, np.float32(0))
