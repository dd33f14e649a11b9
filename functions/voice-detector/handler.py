"""Says from which second to which somebody speaks in a recording, while it still comes."""

from __future__ import annotations

import json
from typing import Any, Iterator

import numpy as np
import onnxruntime

from segments import Segments
from silero import STEP, Silero
from sound import RATE, Recording


class Handler:
    """Answers with a line of JSON for each stretch of speech, `{"start": 0.8, "end": 2.46}` in seconds, as soon as it is over."""

    def __init__(self, context: Any) -> None:
        """Loads the model once; each call has a listener of its own, which remembers what it heard."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(context.resources["model"], options, providers=["CPUExecutionProvider"])
        parameters = context.parameters
        self._settings = {
            "threshold": float(parameters["threshold"]),
            "min_speech": float(parameters["minSpeech"]),
            "min_silence": float(parameters["minSilence"]),
        }
        Silero(self._session).hear(np.zeros(STEP, np.float32))

    def __call__(self, req: Any) -> Iterator[str]:
        """Reads a WAV of 16-bit PCM, mono, at 16 kHz, in chunks of any size or at once.

        Raises DcfError INVALID_ARGUMENT when it is no such recording.
        """
        recording = Recording(req.chunks)
        silero = Silero(self._session)
        segments = Segments(step=STEP / RATE, **self._settings)
        for samples in recording.steps(STEP):
            found = segments.add(silero.hear(samples))
            if found is not None:
                yield _line(*found)
        last = segments.end(recording.seconds)
        if last is not None:
            yield _line(*last)


def _line(start: float, end: float) -> str:
    return json.dumps({"start": round(start, 2), "end": round(end, 2)}) + "\n"
