"""What a function says: lines of its log, each with the call that it belongs to."""

from __future__ import annotations

import os
import sys
from time import time

from ..errors import cut, utf8
from ..wire.messages import write
from .stream import log_stream

MAX_LINE_LENGTH = 64 * 1024


class Output:
    """Sends lines of the log, and collects those that are written in pieces."""

    def __init__(self, link, current_number) -> None:
        self._link = link
        #: Gives the number of the call that runs; 0 for none.
        self.current_number = current_number
        #: Lines that have begun, by level and call. What was sent of one already is not kept: nothing may be left of it.
        self.pending: dict[tuple[str, int], str] = {}

    def capture(self) -> None:
        """Makes print() write to the log. What others write to descriptors 1 and 2 goes to the daemon through their pipes."""
        sys.stdout = sys.__stdout__ = log_stream(self, "info", sys.stdout)
        sys.stderr = sys.__stderr__ = log_stream(self, "warn", sys.stderr)

    def abandon(self) -> None:
        """In a forked child: lines belong to no call, and go to descriptors 1 and 2, as those of other programs do."""
        self.pending = {}
        self.current_number = lambda: 0
        self._send = _print

    def logger(self, name: str):
        """A logging.Logger; its records are entries of the log."""
        import logging as _  # first of all, so that it is taken over

        from .records import function_logger

        return function_logger(name, self)

    def log(self, level: str, text: str, number: int | None = None) -> None:
        """One entry, which may have several lines; of the call that runs, unless another is named."""
        self._send(level, [text], self.current_number() if number is None else number)

    def write(self, level: str, text: str) -> None:
        """Text that ends anywhere."""
        number = self.current_number()
        key = (level, number)
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
        """Sends what there is of a line that the call has begun: the rest may be long in coming."""
        number = self.current_number()
        key = (level, number)
        begun = self.pending.get(key)
        if begun:
            self.pending[key] = ""
            self._send(level, [begun], number, True)

    def flush(self, number: int) -> None:
        """Ends the lines that a call has begun and not ended."""
        for key in [key for key in self.pending if key[1] == number]:
            rest = self.pending.pop(key, None)
            if rest is not None:
                self._send(key[0], [rest], number)

    def _send(self, level: str, lines: list[str], number: int, more: bool = False) -> None:
        fields = {"type": "LOG", "id": number, "level": level, "time": int(time() * 1000), "open": True if more else None}
        self._link.send(b"".join(write({**fields, "text": cut(line, MAX_LINE_LENGTH)}) for line in lines))


def _print(level: str, lines: list[str], _number: int, more: bool = False) -> None:
    """Writes the lines in one piece, so that those of several processes stay whole."""
    left = memoryview(utf8("\n".join(lines) + ("" if more else "\n")))
    try:
        while left:
            left = left[os.write(1 if level in ("debug", "info") else 2, left) :]
    except OSError:
        # The process has closed it: nobody listens.
        pass
