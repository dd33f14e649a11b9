"""Reads a WAV while it comes."""

from __future__ import annotations

import io
import wave
from typing import Iterable, Iterator

import numpy as np
from dcf_worker import DcfError

RATE = 16_000
_WIDTH = 2


class Recording:
    """A WAV of 16-bit PCM, mono, at 16 kHz, in chunks of any size.

    Raises DcfError INVALID_ARGUMENT when it is anything else.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        try:
            self._wave = wave.open(io.BufferedReader(_Chunks(chunks)), "rb")
        except (wave.Error, EOFError) as error:
            raise DcfError("INVALID_ARGUMENT", f"the input is no WAV file of PCM: {str(error) or 'it ends too early'}") from None
        found = (self._wave.getnchannels(), self._wave.getsampwidth() * 8, self._wave.getframerate())
        if found != (1, _WIDTH * 8, RATE):
            given = "{} channels of {} bits at {} Hz".format(*found)
            raise DcfError("INVALID_ARGUMENT", f"the recording has {given}; it has to be 1 channel of {_WIDTH * 8} bits at {RATE} Hz")
        self._samples = 0

    @property
    def seconds(self) -> float:
        """How much was read."""
        return self._samples / RATE

    def steps(self, size: int) -> Iterator[np.ndarray]:
        """The samples from -1 to 1, `size` at a time, each step as soon as it is there; the last one is filled with silence."""
        while data := self._wave.readframes(size):
            whole = len(data) // _WIDTH
            samples = np.frombuffer(data, "<i2", whole).astype(np.float32) / 32768
            self._samples += whole
            yield np.pad(samples, (0, size - whole))


class _Chunks(io.RawIOBase):
    """Chunks as a file that can be read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
