"""Reads pictures."""

from __future__ import annotations

import io
import math

import numpy as np
from dcf_worker import DcfError
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from plane import round_half_up

# An array of rows by columns by red, green and blue.
Picture = NDArray[np.uint8]

# A digit needs no more pixels than this; larger pictures are reduced.
WORKING_PIXELS = 2**16

# A picture with more pixels than this is refused before it is decoded.
LIMIT_PIXELS = 100_000_000
# Pillow's own limit is lower, and up to twice as many pixels are only a warning.
Image.MAX_IMAGE_PIXELS = None


def read_picture(data: bytes) -> Picture:
    """Decodes a PNG, JPEG or WebP picture and turns it upright (EXIF).

    It is reduced to about 65,000 pixels at most, and transparent parts get the background that `_without_alpha` chooses.

    Raises DcfError INVALID_ARGUMENT for bytes that are not such a picture or are damaged, and for a picture of more than 100 million pixels.
    """
    if len(data) == 0:
        raise DcfError("INVALID_ARGUMENT", "the input is empty: send a PNG or JPEG picture")
    try:
        return _decode(data)
    except (DcfError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise _unreadable("its first bytes are not those of one") from None
    # For a damaged picture Pillow raises exceptions of many types: OSError, SyntaxError, ValueError, struct.error.
    except Exception as error:
        raise _unreadable(error) from error


def _unreadable(reason: object) -> DcfError:
    return DcfError("INVALID_ARGUMENT", f"the input cannot be read as a PNG or JPEG picture: {reason}")


def _decode(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
        width, height = image.size
        if width * height > LIMIT_PIXELS:
            raise DcfError("INVALID_ARGUMENT", f"the picture has {width} x {height} pixels: over the limit of {LIMIT_PIXELS}")
        scale = min(1.0, math.sqrt(WORKING_PIXELS / (width * height)))
        size = (max(1, round_half_up(width * scale)), max(1, round_half_up(height * scale)))
        # Twice as large: the rest is better reduced after decoding.
        image.draft("RGB", (2 * size[0], 2 * size[1]))
        pixels = _in_colour(image)
        if scale < 1:
            pixels = pixels.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
        array = np.asarray(_upright(pixels))
    return _without_alpha(array) if array.shape[2] == 4 else array


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    # Metadata that cannot be read is no reason to refuse the picture.
    except Exception:
        return image


def _in_colour(image: Image.Image) -> Image.Image:
    """The picture as RGB; as RGBA if parts of it may be transparent."""
    if image.mode.startswith("I"):
        # A grey picture of 16 bits, whose values Pillow would cut off and not scale.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _without_alpha(rgba: Picture) -> Picture:
    """Fills the transparent parts of a picture.

    If few pixels are opaque, or all opaque ones have about the same brightness, they are the ink, and the paper gets the
    opposite brightness. Otherwise the picture shows its paper, whose brightness the transparent parts get.
    """
    seen = rgba[rgba[..., 3] >= 128]
    opaque, pixels = len(seen), rgba.shape[0] * rgba.shape[1]
    luma = np.floor(0.3 * seen[:, 0] + 0.59 * seen[:, 1] + 0.11 * seen[:, 2] + 0.5).astype(np.intp)
    up_to = np.cumsum(np.bincount(luma, minlength=256))
    median = _quantile(up_to, opaque / 2)
    spread = _quantile(up_to, opaque * 0.98) - _quantile(up_to, opaque * 0.02)
    ink_only = opaque < pixels / 2 or (opaque < pixels and spread < 64)
    backing = (255 if median < 128 else 0) if ink_only else median
    alpha = rgba[..., 3:] / 255
    return np.floor(alpha * rgba[..., :3] + (1 - alpha) * backing + 0.5).astype(np.uint8)


def _quantile(up_to: NDArray[np.intp], rank: float) -> int:
    """The lowest level with more than `rank` pixels at or below it."""
    return min(255, int(np.searchsorted(up_to, rank, side="right")))
