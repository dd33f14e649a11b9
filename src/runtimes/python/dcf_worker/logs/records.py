"""Sends records of the module logging to the function's log. Imported when the function imports logging."""

from __future__ import annotations

import logging


class LogHandler(logging.Handler):
    """Sends each record to the log with its level."""

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
    """Sends records of level INFO and above to the log, until the function configures logging itself."""
    handler = LogHandler(output)
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)
    configure = logging.basicConfig

    def basic_config(**options) -> None:
        if any(options.get(key) for key in ("stream", "filename", "handlers", "force")):
            logging.root.removeHandler(handler)
        elif handler in logging.root.handlers:
            _adjust(handler, options)
            return
        configure(**options)

    logging.basicConfig = basic_config


def _adjust(handler: LogHandler, options: dict) -> None:
    """Applies a format and a level to the handler that is there. basicConfig() itself would change nothing, as there is one."""
    if "format" in options or "datefmt" in options:
        style = options.get("style", "%")
        handler.setFormatter(logging.Formatter(options.get("format"), options.get("datefmt"), style))
    if options.get("level") is not None:
        logging.root.setLevel(options["level"])


def function_logger(name: str, output) -> logging.Logger:
    """The logger for `context.logger`. It writes to the log however the function configures other loggers."""
    logger = logging.getLogger(f"dcf.{name}")
    if not logger.handlers:
        logger.addHandler(LogHandler(output))
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
    return logger
