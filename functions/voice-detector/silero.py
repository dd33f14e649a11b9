"""The model, which hears a recording step by step."""

from __future__ import annotations

import numpy as np
import onnxruntime

# Samples that the model takes at a time, at 16 kHz, and those before them that it wants to see again.
STEP = 512
_CONTEXT = 64
_RATE = np.array(16_000, np.int64)


class Silero:
    """One listener. What it heard is kept here, so that any number of them can share a session."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._state = np.zeros((2, 1, 128), np.float32)
        self._before = np.zeros(_CONTEXT, np.float32)

    def hear(self, samples: np.ndarray) -> float:
        """How likely it is that somebody speaks in these STEP samples (-1 to 1), which follow those of the call before."""
        sound = np.concatenate([self._before, samples])
        inputs = {"input": sound[np.newaxis], "state": self._state, "sr": _RATE}
        likely, self._state = self._session.run(None, inputs)
        self._before = sound[-_CONTEXT:]
        return float(likely[0, 0])
