"""Reads and writes every golden frame with the Python runtime: golden_frames.py RUNTIME_FOLDER GOLDEN_FOLDER."""

import base64
import json
import os
import sys

runtime, golden = sys.argv[1:]
sys.path.insert(0, runtime)

from dcf_worker.wire.frames import FrameReader  # noqa: E402
from dcf_worker.wire.messages import read, write  # noqa: E402


def message_in(data: bytes) -> dict:
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    messages: list = []
    reader = FrameReader(reading, lambda *frame: messages.append(read(*frame)))
    while reader.receive():
        pass
    os.close(reading)
    (message,) = messages
    return message


names = sorted(name[: -len(".bin")] for name in os.listdir(golden) if name.endswith(".bin"))
for name in names:
    with open(os.path.join(golden, name + ".bin"), "rb") as file:
        data = file.read()
    with open(os.path.join(golden, name + ".json"), encoding="utf-8") as file:
        expected = json.load(file)
    message = message_in(data)
    assert write(message) == data, f"{name} is written as {write(message)!r}"
    if "body" in message:
        message["body"] = base64.b64encode(message["body"]).decode("ascii")
    assert message == expected, f"{name} is read as {message}"
print(len(names))
