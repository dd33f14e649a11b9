"""What a function says: lines of its log, each with the call that it belongs to."""

from __future__ import annotations

import io
import os
import sys
from time import time

from .errors import cut, utf8
from .messages import write

MAX_LINE_LENGTH = 64 * 1024


class Output:
    """Sends lines of the log, and collects those that are written in pieces."""

    def __init__(self, link, current_number) -> None:
        self._link = link
        #: Gives the number of the call that runs; 0 for none.
        self.current_number = current_number
        #: Lines that have begun, by level and call.
        self.pending: dict[tuple[str, int], str] = {}

    def capture(self) -> None:
        """Makes print() write to the log. What others write to descriptors 1 and 2 goes to the daemon through their pipes."""
        sys.stdout = LogStream(self, "info", sys.stdout)
        sys.stderr = LogStream(self, "warn", sys.stderr)

    def abandon(self) -> None:
        """In a forked child: lines belong to no call, and go to descriptors 1 and 2, as those of other programs do."""
        self.pending = {}
        self.current_number = lambda: 0
        self._send = _print

    def logger(self, name: str):
        """A logging.Logger; its records are entries of the log."""
        import logging as _  # first of all, so that it is taken over

        from .log_records import function_logger

        return function_logger(name, self)

    def log(self, level: str, text: str, number: int | None = None) -> None:
        """One entry, which may have several lines; of the call that runs, unless another is named."""
        self._send(level, [text], self.current_number() if number is None else number)

    def write(self, level: str, text: str) -> None:
        """Text that ends anywhere."""
        number = self.current_number()
        key = (level, number)
        lines = (self.pending.pop(key, "") + text).split("\n")
        rest = lines.pop()
        if len(rest) >= MAX_LINE_LENGTH:
            lines.append(rest)
        elif rest:
            self.pending[key] = rest
        if lines:
            self._send(level, lines, number)

    def flush(self, number: int) -> None:
        """Sends the lines that a call has begun and not ended."""
        for key in [key for key in self.pending if key[1] == number]:
            rest = self.pending.pop(key, "")
            if rest:
                self._send(key[0], [rest], number)

    def _send(self, level: str, lines: list[str], number: int) -> None:
        now = int(time() * 1000)
        frames = [write({"type": "LOG", "id": number, "level": level, "time": now, "text": cut(line, MAX_LINE_LENGTH)}) for line in lines]
        self._link.send(b"".join(frames))


def _print(level: str, lines: list[str], _number: int) -> None:
    """Writes the lines in one piece, so that those of several processes stay whole."""
    left = memoryview(utf8("".join(f"{line}\n" for line in lines)))
    try:
        while left:
            left = left[os.write(1 if level in ("debug", "info") else 2, left) :]
    except OSError:
        # The process has closed it: nobody listens.
        pass


class LogStream(io.TextIOBase):
    """A text stream whose lines are entries of the log."""

    def __init__(self, output: Output, level: str, original) -> None:
        self._output = output
        self._level = level
        self._original = original

    encoding = "utf-8"
    errors = "replace"

    @property
    def buffer(self):
        """For bytes: they go to the descriptor itself, at once, and belong to no call."""
        return self._original.buffer.raw

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._original.fileno()

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._output.write(self._level, text)
        return len(text)
