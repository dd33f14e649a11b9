"""The connected pieces of ink."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plane import Plane

Mask = NDArray[np.bool_]
Numbers = NDArray[np.intp]


class Pieces(NamedTuple):
    """`labels` has the number of each pixel's piece, from 0, or -1 for no piece; `mass` and `crosses` have a value for each piece."""

    labels: Numbers
    mass: NDArray[np.float64]
    crosses: Mask


def find_pieces(ink: Plane, is_stroke: Mask) -> Pieces:
    """The connected pieces of stroke pixels; pixels that touch at a corner are connected. `crosses`: whether a piece runs from one side of the picture to the other."""
    labels = np.full(ink.shape, -1, np.intp)
    labels[is_stroke] = _label(is_stroke)
    count = int(labels.max(initial=-1)) + 1
    mass = np.bincount(labels[is_stroke], weights=ink[is_stroke], minlength=count).astype(np.float64)
    left, right, top, bottom = (_named(edge, count) for edge in (labels[:, 0], labels[:, -1], labels[0], labels[-1]))
    return Pieces(labels, mass, (left & right) | (top & bottom))


def _named(labels: Numbers, count: int) -> Mask:
    named = np.zeros(count + 1, np.bool_)
    # The label -1, for no piece, reads the last entry.
    named[labels] = True
    return named[:-1]


def _label(is_stroke: Mask) -> Numbers:
    """The piece's number of each stroke pixel, row by row."""
    # With one more column, no run continues in the next row.
    line = np.pad(is_stroke, ((0, 0), (0, 1))).ravel()
    changes = np.flatnonzero(np.diff(line, prepend=False, append=False))
    starts, ends = changes[::2], changes[1::2]
    below = is_stroke.shape[1] + 1
    # The runs of the next row that touch this run, also at a corner, are next to each other in the list.
    first = np.searchsorted(ends, starts + below)
    touching = np.searchsorted(starts, ends + below, side="right") - first
    upper = np.repeat(np.arange(starts.size), touching)
    before = np.repeat(np.cumsum(touching) - touching, touching)
    lower = np.arange(upper.size) - before + first[upper]
    return np.repeat(_connect(starts.size, upper, lower), ends - starts)


def _connect(count: int, one: Numbers, other: Numbers) -> Numbers:
    """The number, from 0, of the piece that each of `count` runs belongs to, where each run in `one` touches that in `other`.

    `roots` leads each run to an earlier one of its piece, and the first to itself. Pieces that touch are joined all at once.
    """
    roots = np.arange(count)
    while not np.array_equal(roots[one], roots[other]):
        a, b = roots[one], roots[other]
        np.minimum.at(roots, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(roots, roots[roots]):
            roots = roots[roots]
    return np.unique(roots, return_inverse=True)[1]
