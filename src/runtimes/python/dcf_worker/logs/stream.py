"""The streams that replace sys.stdout and sys.stderr."""

from __future__ import annotations

import codecs
import io


def log_stream(output, level: str, original) -> io.TextIOWrapper:
    """A text stream whose lines go to the log. flush() sends a line that has not ended."""
    stream = io.TextIOWrapper(
        LogBuffer(output, level, original), encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True
    )
    stream.mode = "w"
    return stream


class LogBuffer(io.BufferedIOBase):
    """The byte stream below it: text and bytes that the function writes there keep their order.

    close() only flushes, because later calls write, too.
    """

    mode = "wb"

    def __init__(self, output, level: str, original) -> None:
        self._output = output
        self._level = level
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        #: The original unbuffered stream; `None` if there was none.
        self.raw = None if original is None else getattr(original.buffer, "raw", original.buffer)
        self.name = "<stdout>" if level == "info" else "<stderr>"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1 if self._level == "info" else 2

    def write(self, data) -> int:
        given = bytes(memoryview(data))
        self._output.write(self._level, self._decode(given))
        return len(given)

    def flush(self) -> None:
        self._output.show(self._level)

    def close(self) -> None:
        self.flush()
