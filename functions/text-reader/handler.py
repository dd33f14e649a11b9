"""Reads the text in a picture, line by line, with the models that rapidocr-onnxruntime brings."""

from __future__ import annotations

import io
from typing import Any, TypedDict

import cv2
import numpy as np
from dcf_worker import DcfError
from PIL import Image, ImageOps
from rapidocr_onnxruntime import RapidOCR

THREADS = 2
# A PNG of a few kilobytes can be gigabytes of pixels.
MAX_PIXELS = 40_000_000


class Line(TypedDict):
    text: str
    score: float
    """How sure the model is, 0 to 1."""
    box: list[list[int]]
    """The corners as [x, y] in pixels, from the upper left one clockwise."""


class Handler:
    def __init__(self, context: Any) -> None:
        """Loads the models, and reads a blank picture, so that the first call is as fast as the others."""
        cv2.setNumThreads(THREADS)
        self._min_score = float(context.parameters["minScore"])
        self._reader = RapidOCR(intra_op_num_threads=THREADS)
        self._read(np.full((320, 320, 3), 255, np.uint8))

    def __call__(self, req: Any) -> dict[str, Any]:
        """`{"text": "…", "lines": [Line, …]}` of a PNG, JPEG, WebP, TIFF or BMP picture, from top to bottom.

        Raises DcfError INVALID_ARGUMENT when the input is no picture, or one of too many pixels.
        """
        lines = self._read(pixels(req.input))
        return {"text": "\n".join(line["text"] for line in lines), "lines": lines}

    def _read(self, picture: np.ndarray) -> list[Line]:
        found, _ = self._reader(picture)
        lines = [Line(text=text, score=round(float(score), 4), box=corners(box)) for box, text, score in found or []]
        return [line for line in lines if line["score"] >= self._min_score]


def pixels(data: bytes) -> np.ndarray:
    """A picture's blue, green and red, upright, on white where it is transparent."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP", "TIFF", "BMP"]) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise DcfError("INVALID_ARGUMENT", f"the picture has {picture.width} x {picture.height} pixels; {MAX_PIXELS} are allowed")
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DcfError("INVALID_ARGUMENT", f"the input cannot be read as a picture: {error}") from None
    paper = Image.new("RGBA", upright.size, "white")
    return np.asarray(Image.alpha_composite(paper, upright).convert("RGB"))[:, :, ::-1].copy()


def corners(box: Any) -> list[list[int]]:
    return [[round(float(x)), round(float(y))] for x, y in box]
