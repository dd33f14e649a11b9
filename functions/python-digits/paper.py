"""Separates the ink from the paper."""

from __future__ import annotations

from typing import Literal, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import NDArray

from picture import Picture
from plane import Plane, peak_of, round_half_up

# Whether the ink is darker than the paper; "auto": decided by the picture, in which the ink is what differs most from the paper.
Invert = Union[bool, Literal["auto"]]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# Least contrast of ink with the paper, in levels of 0 to 255. A picture with less is blank.
FAINTEST = 24
# Shares of the strongest ink: a pixel up to the first has no ink (0), one from the second on has full ink (1).
NO_INK = 0.25
FULL_INK = 0.8
# Largest share of a picture that the ink of a digit covers.
MOSTLY = 0.6
# Coefficients of the paper's brightness in one channel, a polynomial of the second degree in x and y.
TERMS = 6
SAMPLES = 1024


def find_ink(picture: Picture, invert: Invert) -> Optional[Plane]:
    """The amount of ink at each pixel, 0..1: how far its colour differs from the paper's in the direction of the ink's colour.

    The paper's colour may change smoothly over the picture. Returns None when nothing differs enough: a blank picture.
    """
    if invert != "auto":
        return _ink_on(picture, _first_guess(picture, _sampled(picture), 0.9 if invert else 0.1), invert)
    ink = _ink_on(picture, _guess_from_border(picture), invert)
    if ink is None or np.count_nonzero(ink > 0.5) <= MOSTLY * ink.size:
        return ink
    # So much is no digit: the border is a frame, and the paper is the colour of most of the picture.
    return _ink_on(picture, _first_guess(picture, _sampled(picture), 0.5), invert)


class _Guess(NamedTuple):
    """The pixels that are likely paper, and how far from its colour they may be."""

    pixels: Indices
    tolerance: float


def _ink_on(picture: Picture, guess: _Guess, invert: Invert) -> Optional[Plane]:
    rest = _difference(picture, _fit_paper(picture, guess))
    direction = _ink_direction(rest, invert)
    if direction is None:
        return None
    ink = (rest @ direction).astype(np.float32)
    peak = peak_of(ink, max(3, round_half_up(ink.size / 4000)), 442)
    if peak < FAINTEST:
        return None
    return ((ink / np.float64(peak) - NO_INK) / (FULL_INK - NO_INK)).clip(0, 1).astype(np.float32)


def _fit_paper(picture: Picture, guess: _Guess) -> Floats:
    """The paper's coefficients: a row for each term, a column for each of red, green and blue."""
    paper = _fit_surface(_terms(picture, guess.pixels), _colours(picture, guess.pixels))
    sampled = _sampled(picture)
    terms, colours = _terms(picture, sampled), _colours(picture, sampled)
    tolerance, fitted = guess.tolerance, np.empty(0, np.bool_)
    for _ in range(3):
        near = np.linalg.norm(colours - terms @ paper, axis=1) < tolerance
        narrower = max(12, tolerance * 0.7)
        if np.count_nonzero(near) < 3 * TERMS:
            break
        # On even paper the next rounds would find the same pixels, and so fit the same surface.
        if not np.array_equal(near, fitted):
            paper = _fit_surface(terms[near], colours[near])
        elif narrower == tolerance:
            break
        tolerance, fitted = narrower, near
    return paper


def _guess_from_border(picture: Picture) -> _Guess:
    height, width, _ = picture.shape
    index = np.arange(height * width).reshape(height, width)
    border = np.concatenate([index[0], index[-1], index[1:-1, 0], index[1:-1, -1]])
    return _first_guess(picture, border, 0.5, uneven=True)


def _sampled(picture: Picture) -> Indices:
    pixels = picture.shape[0] * picture.shape[1]
    return np.arange(0, pixels, max(1, pixels // SAMPLES))


def _first_guess(picture: Picture, candidates: Indices, rank: float, uneven: bool = False) -> _Guess:
    """The candidates whose colour is near the one of this rank (0 darkest, 1 brightest). If they are `uneven`, the nearer half counts as near at least."""
    colours = _colours(picture, candidates)
    away = np.linalg.norm(colours - _ranked(colours, rank), axis=1)
    tolerance = 3 * float(_ranked(away, 0.5) if uneven else 0) + 12
    return _Guess(candidates[away <= tolerance], tolerance)


def _ranked(values: Floats, rank: float) -> Floats:
    return np.sort(values, axis=0)[min(len(values) - 1, int(len(values) * rank))]


def _colours(picture: Picture, pixels: Indices) -> Floats:
    return picture.reshape(-1, 3)[pixels].astype(np.float64)


def _across(index: Indices, length: int) -> Floats:
    """The position of a pixel in a row or column of `length`: -1 for the first, 1 for the last."""
    return index * np.float64(2 / max(1, length - 1)) - (0 if length == 1 else 1)


def _terms(picture: Picture, pixels: Indices) -> Floats:
    """The terms 1, x, y, x², xy and y² of each pixel, where x and y are -1..1. In a small picture only the term 1 is used, and the others are 0."""
    height, width, _ = picture.shape
    terms = np.zeros((pixels.size, TERMS))
    terms[:, 0] = 1
    if width < 16 or height < 16:
        return terms
    rows, columns = np.divmod(pixels, width)
    x, y = _across(columns, width), _across(rows, height)
    terms[:, 1:] = np.stack([x, y, x * x, x * y, y * y], axis=1)
    return terms


def _fit_surface(terms: Floats, colours: Floats) -> Floats:
    """Fits the paper's coefficients to pixels: least squares, with a weak ridge penalty that keeps the surface flat where there are no pixels."""
    ridge = np.full(TERMS, 1e-3 * (len(terms) + 1))
    ridge[0] = 1e-6
    return np.linalg.solve(terms.T @ terms + np.diag(ridge), terms.T @ colours)


def _difference(picture: Picture, paper: Floats) -> Plane:
    """The picture minus the paper: three values per pixel, in levels of 0 to 255."""
    height, width, _ = picture.shape
    x = _across(np.arange(width), width)[np.newaxis, :, np.newaxis]
    y = _across(np.arange(height), height)[:, np.newaxis, np.newaxis]
    # Within a row the surface is a parabola in x.
    p = paper[0] + paper[2] * y + paper[5] * y * y
    q = paper[1] + paper[4] * y
    return (picture - (p + (q + paper[3] * x) * x)).astype(np.float32)


def _ink_direction(rest: Plane, invert: Invert) -> Optional[Floats]:
    """The direction in colour space, of length 1, in which the ink differs from the paper. Strong differences count most."""
    colours = rest.reshape(-1, 3).astype(np.float64)
    weights = np.einsum("ij,ij->i", colours, colours) ** 1.5
    is_darker = np.einsum("ij->i", colours) < 0
    darker, lighter = (weights * is_darker) @ colours, (weights * ~is_darker) @ colours
    is_dark = np.linalg.norm(darker) > np.linalg.norm(lighter) if invert == "auto" else invert
    direction = darker if is_dark else lighter
    length = np.linalg.norm(direction)
    return None if length == 0 else direction / length
