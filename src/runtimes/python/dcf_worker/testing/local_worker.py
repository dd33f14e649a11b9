"""A worker in a thread of the test's process. Output and exceptions of the process stay as they are."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from typing import Any

from ..calls.base import Calls
from ..errors import DcfError
from ..loading.target import Target, target_of
from ..logs.output import Output
from ..process.exit import exit_code_of
from ..worker import Worker

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class LocalOutput(Output):
    """Leaves printed output to the test, and sends log entries to the module logging, under the function's name."""

    def __init__(self, link: Any, function: str) -> None:
        super().__init__(link, lambda: 0)
        self._function = function

    def log(self, level: str, text: str, number: int | None = None) -> None:
        self.logger(self._function).log(_LEVELS[level], "%s", text)

    def logger(self, name: str) -> logging.Logger:
        return logging.getLogger(f"dcf.{name}")


class LocalWorker(Worker):
    """A worker that keeps the exceptions of the Handler, so that a test sees where they were raised."""

    def __init__(self, end: socket.socket, init: dict[str, Any], given: Any) -> None:
        super().__init__(end.fileno())
        self._end_of_stream = end
        self._init = init
        self._given = given
        self._output = LocalOutput(self._link, init["function"])
        #: Exceptions that the Handler raised, by the number of the call.
        self.errors: dict[int, BaseException] = {}
        #: The exception for which the Handler could not be built, or that its close() raised.
        self.failure: BaseException | None = None
        self.context: Any = None
        self._thread = threading.Thread(target=self._live, name=f"dcf-{init['function']}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Waits up to `timeout` seconds. Returns whether the worker has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _live(self) -> None:
        if sys.version_info < (3, 10):
            import asyncio

            asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            self.serve()
        finally:
            try:
                self._end_of_stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The test has closed its end already.
                pass

    def _take_over(self) -> None:
        pass

    def _load_target(self, init: dict[str, Any], context: Any) -> Target:
        self.context = context
        if self._given is None:
            return super()._load_target(init, context)
        return target_of(self._given, init["handler"], context, init["maxPayload"])

    def _make_calls(self, target: Target, init: dict[str, Any]) -> Calls:
        calls = super()._make_calls(target, init)
        plain = calls.error_frame

        def error_frame(request: Any, error: BaseException) -> bytes:
            self.errors[request.number] = error
            if isinstance(error, SystemExit):
                code = exit_code_of(error)
                error = DcfError("INTERNAL", f"the Handler called sys.exit({error.code!r}), which ends its replica", f"exit:{code}")
            return plain(request, error)

        # Replaced on the object, since its class depends on the Handler. mypy allows that for no method.
        calls.error_frame = error_frame  # type: ignore[method-assign]
        return calls

    def _init_failed(self, error: BaseException) -> int:
        self.failure = error
        return 1

    def _close(self, target: Target) -> None:
        if target.close is None:
            return
        try:
            self._run(target.close)
        except BaseException as error:
            self.failure = error
