"""Says which digit is written in a picture."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Sequence, Union

import numpy as np
import onnxruntime
from dcf_worker import DcfError

from digit import SIDE, draw_digit
from paper import Invert, find_ink
from picture import read_picture
from plane import Plane

DIGITS = 10

# The names that ONNX Runtime has for the execution providers of function.yaml.
PROVIDERS = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider", "cpu": "CPUExecutionProvider"}

# {"digit": 0..9, "confidence": its score, 0..1, "scores": how likely each digit is, 0 first; the ten add up to 1}
Recognition = Dict[str, Any]


class Handler:
    """Reads handwritten digits, one or many at once."""

    def __init__(self, context: Any) -> None:
        """Loads the model and runs it once, so that the first call is as fast as the others.

        Raises DcfError INVALID_ARGUMENT when the resource `model` is missing or the parameter `invert` has another value than
        auto, true or false; FAILED_PRECONDITION when none of the execution providers of function.yaml can run the model.
        """
        model = context.resources.get("model")
        if model is None:
            raise DcfError("INVALID_ARGUMENT", "the resource 'model' is missing: name the model under resources in function.yaml")
        self._invert = _read_invert(context.parameters.get("invert", "auto"))
        self._session = _load(model, context.providers)
        context.logger.info("the model runs on %s", self._session.get_providers()[0])
        self._score([np.zeros((SIDE, SIDE), np.float32)])

    def __call__(self, req: Any) -> Recognition:
        """Reads the digit in `req.input`, a PNG, JPEG or WebP picture of any size, dark on light or light on dark.

        Raises DcfError INVALID_ARGUMENT when the input is not a picture, or is blank.
        """
        return self._score([self._draw(req.input)])[0]

    def call_batch(self, reqs: Sequence[Any]) -> List[Union[Recognition, Exception]]:
        """Reads many pictures: the model runs once for all. A picture that cannot be read fails its own call."""
        drawn = [self._try_to_draw(req.input) for req in reqs]
        answers = iter(self._score([each for each in drawn if not isinstance(each, Exception)]))
        return [each if isinstance(each, Exception) else next(answers) for each in drawn]

    def _try_to_draw(self, data: bytes) -> Union[Plane, Exception]:
        try:
            return self._draw(data)
        except Exception as error:
            return error

    def _draw(self, data: bytes) -> Plane:
        """Makes the model's input of a picture."""
        ink = find_ink(read_picture(data), self._invert)
        digit = None if ink is None else draw_digit(ink)
        if digit is None:
            raise DcfError("INVALID_ARGUMENT", "the picture is blank: no digit found")
        return digit

    def _score(self, drawn: Sequence[Plane]) -> List[Recognition]:
        """The answer for each drawing. A drawing has 28 by 28 values, from 0 (paper) to 1 (ink)."""
        if len(drawn) == 0:
            return []
        (scores,) = self._session.run(["scores"], {"pictures": np.stack(drawn)[:, np.newaxis]})
        if scores.shape != (len(drawn), DIGITS):
            raise DcfError("INTERNAL", f"the model's scores are {scores.shape}, not {(len(drawn), DIGITS)}")
        return [_recognition(row) for row in scores.tolist()]


def _recognition(scores: List[float]) -> Recognition:
    confidence = max(scores)
    return {"digit": scores.index(confidence), "confidence": confidence, "scores": scores}


def _load(model: str, names: Sequence[str]) -> onnxruntime.InferenceSession:
    """Loads the model with the first of these execution providers that can run it. Raises DcfError FAILED_PRECONDITION if none can."""
    options = onnxruntime.SessionOptions()
    # More threads do not make such a small model faster, and keep a core busy for a while after each run.
    options.intra_op_num_threads = 1
    available = onnxruntime.get_available_providers()
    wanted = [PROVIDERS[name] for name in names if PROVIDERS.get(name) in available]
    session = onnxruntime.InferenceSession(model, options, providers=wanted) if wanted else None
    # ONNX Runtime uses the CPU, even if it was not asked for, when a provider's library or its device is missing.
    if session is None or session.get_providers()[0] not in wanted:
        found = ", ".join(available)
        raise DcfError("FAILED_PRECONDITION", f"none of the execution providers {', '.join(names)} can run the model: ONNX Runtime has {found} here")
    return session


def _read_invert(value: object) -> Invert:
    if value == "auto":
        return "auto"
    if isinstance(value, bool):
        return value
    raise DcfError("INVALID_ARGUMENT", f"parameters.invert is {json.dumps(value)}: it must be auto, true or false")
