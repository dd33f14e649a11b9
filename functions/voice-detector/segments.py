"""Makes stretches of speech of how likely speech is, step by step. Times are in seconds from the beginning."""

from __future__ import annotations

from typing import Optional, Tuple

Segment = Tuple[float, float]

# Speech goes on until it is this much less likely than it had to be at the beginning.
_HYSTERESIS = 0.15


class Segments:
    def __init__(self, step: float, threshold: float, min_speech: float, min_silence: float) -> None:
        """`step`: how long a step is. Speech shorter than `min_speech` is dropped, a silence shorter than `min_silence` is bridged."""
        self._step = step
        self._threshold = threshold
        self._min_speech = min_speech
        self._min_silence = min_silence
        self._steps = 0
        self._start: Optional[float] = None
        self._silent_since: Optional[float] = None

    def add(self, likely: float) -> Optional[Segment]:
        """Takes the next step. Returns the speech that is known to be over now, if there is any."""
        begin = self._steps * self._step
        self._steps += 1
        if likely >= self._threshold:
            self._silent_since = None
            if self._start is None:
                self._start = begin
        elif self._start is not None and likely < self._threshold - _HYSTERESIS:
            if self._silent_since is None:
                self._silent_since = begin
            if begin + self._step - self._silent_since >= self._min_silence:
                return self._close(self._silent_since)
        return None

    def end(self, seconds: float) -> Optional[Segment]:
        """What was still spoken when the recording ended, after `seconds`."""
        return self._close(seconds if self._silent_since is None else self._silent_since)

    def _close(self, end: float) -> Optional[Segment]:
        start, self._start, self._silent_since = self._start, None, None
        return None if start is None or end - start < self._min_speech else (start, end)
