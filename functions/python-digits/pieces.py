"""The pieces of ink that hang together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plane import Plane

Mask = NDArray[np.bool_]
Numbers = NDArray[np.intp]


class Pieces(NamedTuple):
    """`labels` numbers the piece of each pixel from 0, -1 where there is none; the others have a value for each piece."""

    labels: Numbers
    mass: NDArray[np.float64]
    crosses: Mask


def find_pieces(ink: Plane, is_stroke: Mask) -> Pieces:
    """The pieces, corners included, that stroke pixels make; `crosses`: runs from one side of the picture to the other."""
    labels = np.full(ink.shape, -1, np.intp)
    labels[is_stroke] = _label(is_stroke)
    count = int(labels.max(initial=-1)) + 1
    mass = np.bincount(labels[is_stroke], weights=ink[is_stroke], minlength=count).astype(np.float64)
    left, right, top, bottom = (_named(edge, count) for edge in (labels[:, 0], labels[:, -1], labels[0], labels[-1]))
    return Pieces(labels, mass, (left & right) | (top & bottom))


def _named(labels: Numbers, count: int) -> Mask:
    named = np.zeros(count + 1, np.bool_)
    # -1, no piece, is the last.
    named[labels] = True
    return named[:-1]


def _label(is_stroke: Mask) -> Numbers:
    """The number of the piece of each stroke pixel, row by row."""
    # One more column, so that no run goes on in the next row.
    line = np.pad(is_stroke, ((0, 0), (0, 1))).ravel()
    changes = np.flatnonzero(np.diff(line, prepend=False, append=False))
    starts, ends = changes[::2], changes[1::2]
    below = is_stroke.shape[1] + 1
    # The runs of the next row that touch this one, be it at a corner, follow one another.
    first = np.searchsorted(ends, starts + below)
    touching = np.searchsorted(starts, ends + below, side="right") - first
    upper = np.repeat(np.arange(starts.size), touching)
    before = np.repeat(np.cumsum(touching) - touching, touching)
    lower = np.arange(upper.size) - before + first[upper]
    return np.repeat(_connect(starts.size, upper, lower), ends - starts)


def _connect(count: int, one: Numbers, other: Numbers) -> Numbers:
    """Numbers, from 0, what `count` things are parts of, when each `one` hangs together with its `other`.

    Each thing points to an earlier one of its piece or, the first, to itself; meeting pieces are joined all at once.
    """
    roots = np.arange(count)
    while not np.array_equal(roots[one], roots[other]):
        a, b = roots[one], roots[other]
        np.minimum.at(roots, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(roots, roots[roots]):
            roots = roots[roots]
    return np.unique(roots, return_inverse=True)[1]
