"""The lines of a function's log, each with the call that it belongs to."""

from __future__ import annotations

import os
import sys
import threading
from time import time

from ..errors import cut, utf8
from ..wire.messages import write
from .stream import log_stream

MAX_LINE_LENGTH = 64 * 1024


class Output:
    """Sends lines to the log, and keeps lines that have not ended yet."""

    def __init__(self, link, current_number) -> None:
        self._link = link
        #: Returns the number of the call that runs; 0 if there is none.
        self.current_number = current_number
        #: Lines that have not ended, by level and call. A part that was sent already is not kept, so it may be an empty string.
        self.pending: dict[tuple[str, int], str] = {}
        # For `pending`, and held for no write: a signal handler of the function may print while its thread is printing, or writing.
        self._lock = threading.RLock()

    def capture(self) -> None:
        """Has print() write to the log. Other output to descriptors 1 and 2 reaches the daemon through pipes."""
        sys.stdout = sys.__stdout__ = log_stream(self, "info", sys.stdout)
        sys.stderr = sys.__stderr__ = log_stream(self, "warn", sys.stderr)

    def abandon(self) -> None:
        """Has a forked child write to descriptors 1 and 2, as other programs do. Its lines belong to no call."""
        self.pending = {}
        self._lock = threading.RLock()
        self.current_number = lambda: 0
        self._send = _print

    def logger(self, name: str):
        """A logging.Logger that writes to the log."""
        import logging as _  # imported first, so that the import hook sets it up

        from .records import function_logger

        return function_logger(name, self)

    def log(self, level: str, text: str, number: int | None = None) -> None:
        """Sends one entry, which may have several lines. It belongs to the call that runs, unless `number` names another."""
        self._send(level, [text], self.current_number() if number is None else number)

    def write(self, level: str, text: str) -> None:
        """Writes text that may end in the middle of a line."""
        number = self.current_number()
        key = (level, number)
        with self._lock:
            begun = self.pending.pop(key, None)
            lines = (text if begun is None else begun + text).split("\n")
            rest = lines.pop()
            if len(rest) >= MAX_LINE_LENGTH:
                lines.append(rest)
            elif rest or (begun is not None and not lines):
                self.pending[key] = rest
        if lines:
            self._send(level, lines, number)

    def show(self, level: str) -> None:
        """Sends the beginning of a line that the call has not ended yet: the rest may come much later."""
        number = self.current_number()
        key = (level, number)
        with self._lock:
            begun = self.pending.get(key)
            if begun:
                self.pending[key] = ""
        if begun:
            self._send(level, [begun], number, True)

    def flush(self, number: int) -> None:
        """Ends the lines that a call has begun but not ended."""
        with self._lock:
            begun = [(key[0], self.pending.pop(key)) for key in list(self.pending) if key[1] == number]
        for level, rest in begun:
            self._send(level, [rest], number)

    def _send(self, level: str, lines: list[str], number: int, more: bool = False) -> None:
        fields = {"type": "LOG", "id": number, "level": level, "time": int(time() * 1000), "open": True if more else None}
        self._link.send(b"".join(write({**fields, "text": cut(line, MAX_LINE_LENGTH)}) for line in lines))


def _print(level: str, lines: list[str], _number: int, more: bool = False) -> None:
    """Writes all lines at once, so that lines of several processes do not mix."""
    left = memoryview(utf8("\n".join(lines) + ("" if more else "\n")))
    try:
        while left:
            left = left[os.write(1 if level in ("debug", "info") else 2, left) :]
    except OSError:
        # The process has closed the descriptor.
        pass
