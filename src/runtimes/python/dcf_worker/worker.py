"""One worker, from INIT to the end of its stream."""

from __future__ import annotations

import os
import sys
import threading
from time import perf_counter

from .calls.base import Calls
from .context import Context, use_context
from .errors import MAX_MESSAGE_LENGTH, DcfError, cut, describe, message_of, utf8
from .loading.environment import extend_environment
from .loading.target import Target, load_target
from .logs.import_hook import LoggingFinder
from .logs.output import Output
from .process.forks import end_child, fail_child, follow_forks
from .wire.frames import FrameError
from .wire.link import Link
from .wire.messages import INIT, PROTOCOL_VERSION, header_of, write

def serve_worker(descriptor: int) -> int:
    """Serves one worker until the daemon sends DRAIN or the stream ends. Returns the exit code."""
    return Worker(descriptor).serve()


class Worker:
    """Loads the function that INIT names, runs its calls, and closes it."""

    def __init__(self, descriptor: int) -> None:
        self._link = Link(descriptor)
        self._calls: Calls | None = None
        self._output = Output(self._link, lambda: 0 if self._calls is None else self._calls.current_number)
        self._init: dict | None = None
        self._loop = None

    def serve(self) -> int:
        """Serves until the daemon sends DRAIN or the stream ends. Returns the exit code."""
        self._link.deliver_to(self._take_init)
        self._link.wait(lambda: self._init)
        if self._init is None:
            return self._end()
        self._take_over()
        begun = perf_counter()
        try:
            target = self._load(self._init)
        except BaseException as error:
            return self._init_failed(error)
        if self._link.abandoned:
            end_child()
        ready = {
            "providers": [],
            "callBatch": self._init["maxBatch"] > 1 and target.call_batch is not None,
            "initMs": round((perf_counter() - begun) * 1000),
        }
        self._link.send(write({"type": "READY", "ready": ready}))
        self._calls.serve()
        self._close(target)
        return self._end()

    def _take_over(self) -> None:
        """Has the output of the whole process, and exceptions of its threads, go to the function's log from now on."""
        self._output.capture()
        follow_forks(self._link, self._output, lambda: self._calls)
        LoggingFinder(self._output).install()
        threading.excepthook = self._thread_failed

    def _take_init(self, kind: int, _flags: int, _number: int, _timeout_ms: int, header: bytes, _body: bytes) -> None:
        if kind != INIT:
            raise FrameError(f"a frame of type {kind} came before INIT")
        init = header_of(header)
        if init["protocol"] != PROTOCOL_VERSION:
            raise FrameError(f"protocol version {init['protocol']} is not supported, only {PROTOCOL_VERSION}")
        self._init = init

    def _load(self, init: dict) -> Target:
        context = Context(init, self._output, lambda: self._calls)
        use_context(context)
        target = self._load_target(init, context)
        calls = self._make_calls(target, init)
        if target.init is not None:
            self._run(target.init)
            self._output.flush(0)
        calls.main_loop = self._event_loop
        self._calls = calls
        self._link.deliver_to(calls.take)
        return target

    def _load_target(self, init: dict, context: Context) -> Target:
        extend_environment(os.environ, init["directory"], init["handler"]["path"])
        return load_target(init, context, self._run)

    def _make_calls(self, target: Target, init: dict) -> Calls:
        """Chooses how calls run. Only the chosen module is imported: asyncio alone would delay the start by tens of milliseconds."""
        if target.is_async:
            from .calls.asynchronous import AsyncCalls

            return AsyncCalls(target, self._link, self._output, init, self._event_loop())
        if init["concurrency"] > 1:
            from .calls.threaded import ThreadedCalls

            return ThreadedCalls(target, self._link, self._output, init)
        from .calls.serial import SerialCalls

        return SerialCalls(target, self._link, self._output, init)

    def _event_loop(self):
        """The event loop of this thread, made at its first use."""
        if self._loop is None:
            import asyncio

            # Before Python 3.10, a lock that the function has made belongs to the loop that exists already.
            self._loop = asyncio.new_event_loop() if sys.version_info >= (3, 10) else asyncio.get_event_loop()
            asyncio.set_event_loop(self._loop)
            self._loop.set_exception_handler(self._loop_failed)
        return self._loop

    def _run(self, method) -> None:
        """Runs an initializer, `init` or `close`. Each may be `async`, whatever the Handler is."""
        result = method()
        if hasattr(result, "__await__"):
            self._event_loop().run_until_complete(_await(result))

    def _init_failed(self, error: BaseException) -> int:
        if self._link.abandoned:
            fail_child(error)
        message, stack = describe(error)
        if isinstance(error, SystemExit):
            message = cut(f"the function called sys.exit({error.code!r}) while its Handler was being built", MAX_MESSAGE_LENGTH)
        self._link.send(write({"type": "INIT_FAILED", "message": message, "stack": stack}))
        return 1

    def _close(self, target: Target) -> None:
        if target.close is None:
            return
        try:
            self._run(target.close)
        except BaseException as error:
            if self._link.abandoned:
                fail_child(error)
            self._output.log("warn", f"the Handler's close() failed: {describe(error)[1]}", 0)

    def _end(self) -> int:
        if self._link.abandoned:
            end_child()
        if self._link.problem is None:
            return 0
        os.write(2, utf8(f"the worker's stream broke: {message_of(self._link.problem)}\n"))
        return 1

    def _thread_failed(self, failure) -> None:
        if failure.exc_type is SystemExit or failure.exc_value is None:
            return
        name = "a thread" if failure.thread is None else failure.thread.name
        self._failed(failure.exc_value, f"an uncaught exception in {name}")

    def _loop_failed(self, _loop, details: dict) -> None:
        error = details.get("exception")
        if error is None:
            self._output.log("error", str(details.get("message", "the event loop reports an error")))
        else:
            self._failed(error, "an exception in a task that nobody awaited")

    def _failed(self, error: BaseException, what: str) -> None:
        """Logs an exception outside of calls, and asks the daemon to replace this worker: the state of the process is unknown then."""
        message, stack = describe(error)
        self._output.log("error", f"{what}: {stack or message}")
        self._link.send(write({"type": "RETIRE", "why": cut(f"{what}: {message}", MAX_MESSAGE_LENGTH)}))


async def _await(result):
    return await result
