"""The standard library's logging, as entries of the function's log. Only imported where the function uses it."""

from __future__ import annotations

import logging


class LogHandler(logging.Handler):
    """Sends records as entries with their own level."""

    def __init__(self, output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self._output.log(level_of(record.levelno), text)


def level_of(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    return "info" if number >= logging.INFO else "debug"


def take_over(output) -> None:
    """Where the function sets up no logging of its own, records from INFO on are entries of the log."""
    handler = LogHandler(output)
    # The handler of last resort is used only while there is no other, so basicConfig() still does what it says.
    logging.lastResort = handler
    if logging.root.level == logging.WARNING and not logging.root.handlers:
        logging.root.setLevel(logging.INFO)


def function_logger(name: str, output) -> logging.Logger:
    """A logger whose records are entries of the log, whatever the function does to the others."""
    logger = logging.getLogger(f"dcf.{name}")
    if not logger.handlers:
        logger.addHandler(LogHandler(output))
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    return logger
