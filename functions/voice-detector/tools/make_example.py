"""Makes examples/three-sentences.wav: three sentences that eSpeak NG says, with pauses between them and a hum below.

    pip install espeakng-loader==0.2.4 numpy==2.2.6
    python3 functions/voice-detector/tools/make_example.py
"""

import ctypes
import wave
from pathlib import Path

import espeakng_loader
import numpy as np

RATE = 16_000
TEXTS = ["Good morning, is anybody there?", "I heard a noise in the kitchen.", "It was only the cat."]
# Seconds of silence before each sentence, and at the end.
PAUSES = [0.8, 1.2, 1.0, 0.9]


def main() -> None:
    voice = Voice()
    parts = []
    for text, pause in zip(TEXTS, PAUSES):
        parts += [np.zeros(round(pause * RATE)), voice.say(text)]
        print(f"{text!r}: {sum(map(len, parts[:-1])) / RATE:.2f} to {sum(map(len, parts)) / RATE:.2f} s")
    sound = np.concatenate([*parts, np.zeros(round(PAUSES[-1] * RATE))])
    sound += 0.002 * np.sin(2 * np.pi * 50 * np.arange(len(sound)) / RATE)
    with wave.open(str(Path(__file__).parent.parent / "examples" / "three-sentences.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


class Voice:
    """eSpeak NG, in this process. https://github.com/espeak-ng/espeak-ng/blob/master/src/include/espeak-ng/speak_lib.h"""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._rate = self._library.espeak_Initialize(1, 0, espeakng_loader.get_data_path().encode(), 0)
        self._library.espeak_SetVoiceByName(b"en-us")
        self._heard: list = []
        self._listener = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(self._listen)
        self._library.espeak_SetSynthCallback(self._listener)

    def _listen(self, samples, count, _events) -> int:
        if samples and count > 0:
            self._heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text: str) -> np.ndarray:
        """The sentence without the silence around it, as numbers from -1 to 1 at RATE."""
        self._heard.clear()
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, 1, None, None)
        self._library.espeak_Synchronize()
        sound = np.concatenate(self._heard) / 32768
        loud = np.flatnonzero(np.abs(sound) > 0.01)
        sound = sound[loud[0] : loud[-1] + 1]
        return np.interp(np.arange(0, len(sound), self._rate / RATE), np.arange(len(sound)), sound)


if __name__ == "__main__":
    main()
