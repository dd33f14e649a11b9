"""Calls: what the three ways to run them (one at a time, in threads, on an event loop) have in common."""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar

from ..errors import DcfError, code_and_reason, describe
from ..process.exit import end_process, exit_code_of
from ..process.forks import end_child, fail_child
from ..wire.frames import HEAD, FrameError
from ..wire.messages import CALL, CANCEL, CREDIT, DATA, DRAIN, END, ERROR, MORE, RECALL, RESULT, RETURNED, STARTED, STREAM_IN, STREAM_OUT, header_of, write
from .answers import Answers
from .nested import NestedCalls
from .request import Request

_current: ContextVar = ContextVar("dcf_current", default=None)

# Seconds. After a call that took longer, messages of the daemon are read before the next call begins.
LONG_RUN = 0.001
# Seconds that calls may go on after the stream has ended.
ORPHAN_GRACE = 5.0
# Bytes of a body that is written together with others. A longer one is written at once, without a copy.
_GATHERED_LENGTH = 16 * 1024


class Calls(Answers):
    """Takes the frames of calls, keeps the calls that run and those that wait, and writes their answers."""

    def __init__(self, target, link, output, init: dict) -> None:
        super().__init__(target, link, init["maxPayload"])
        self.leaving = False
        self.running: dict[int, Request] = {}
        #: Calls that the daemon has sent ahead and that have not begun: the Handler does not wait for the daemon between two calls.
        self.waiting: deque = deque()
        self.concurrency: int = init["concurrency"]
        self._output = output
        self._nested = NestedCalls(link)
        self._batches = init["maxBatch"] > 1 and target.call_batch is not None
        self._batch: list[Request] = []
        #: Frames for the next `_flush`, in pieces.
        self._outgoing: list[bytes] = []

    def serve(self) -> None:
        """Runs calls until the daemon sends DRAIN or the stream ends."""
        raise NotImplementedError

    def start(self, item: Request | list[Request]) -> None:
        """Runs a call, or a batch, that has begun."""
        raise NotImplementedError

    def start_waiting(self) -> None:
        """Begins calls that were sent ahead, up to `concurrency`."""
        raise NotImplementedError

    def look(self) -> None:
        """Reads messages that have arrived, if no other thread does."""

    def abandon(self) -> None:
        """Has a forked child end as soon as the Handler's code returns or raises. It answers nothing."""
        self.running.clear()
        self.waiting.clear()
        self.ended = self.opened = self.body_of = self.body_of_opened = self.chunk_bytes = self.batch_replies = end_child
        self.error_frame = lambda _request, error: fail_child(error)

    def call_other(self, request: Request, name: str, *options):
        """Calls another function for a call that runs here. Returns its output; in a coroutine, an awaitable of it."""
        if self.awaits:
            return self._call_later(request, name, *options)
        nested = self._nested.start(request.number, name, *options)
        return self._nested.wait(nested, request)

    async def _call_later(self, request: Request, name: str, *options) -> bytes:
        return await self._nested.wait_later(self._nested.start(request.number, name, *options))

    @property
    def current(self) -> Request | None:
        """The call that the running code belongs to; `None` outside of a call."""
        return _current.get()

    @property
    def current_number(self) -> int:
        request = self.current
        return 0 if request is None else request.number

    def enter(self, request: Request | None) -> None:
        """Has the code that this thread or task runs next belong to a call; `None`: to no call."""
        _current.set(request)

    def take(self, kind: int, flags: int, number: int, timeout_ms: int, header: bytes, body: bytes) -> None:
        """Handles a frame that has come. Raises FrameError for a type that a worker does not accept."""
        if kind == CALL:
            request = Request(self, number, flags, timeout_ms, header, body)
            if request.announced:
                self.waiting.append(request)
                self.start_waiting()
                return
            self.running[number] = request
            if self._batches and not flags & (STREAM_IN | STREAM_OUT):
                self._collect_batch(request, flags & MORE)
            else:
                self.start(request)
        elif kind in (RESULT, ERROR):
            self._nested.answered(kind, number, header, body)
        elif kind == CANCEL:
            self._cancel(number)
        elif kind == RECALL:
            if self._withdraw(number) is not None:
                self.link.send(HEAD.pack(0, 0, RETURNED, 0, number, 0))
        elif kind == DRAIN:
            self.leaving = True
        elif kind in (DATA, END, CREDIT):
            self._take_of_stream(kind, self.running.get(number), header, body)
        else:
            raise FrameError(f"a worker does not accept frames of type {kind}")

    def cancel_all(self) -> None:
        """Cancels all calls: nobody waits for an answer any more."""
        self.waiting.clear()
        for request in list(self.running.values()):
            request.cancel()

    def begin(self, request: Request) -> bytes | None:
        """The STARTED frame for a call that was sent ahead, to be written before the Handler is called. If it is too late, answers the call and returns `None`."""
        if request.over:
            self.link.send(self.error_frame(request, DcfError("DEADLINE_EXCEEDED", "the deadline passed before the call began")))
            return None
        self.running[request.number] = request
        return HEAD.pack(0, 0, STARTED, 0, request.number, 0)

    def error_frame(self, request: Request, error: BaseException) -> bytes:
        """The answer to a call that failed. SystemExit has none: it ends the process."""
        if isinstance(error, SystemExit):
            end_process(exit_code_of(error))
        code, reason = code_and_reason(error)
        message, stack = describe(error)
        return write({"type": "ERROR", "id": request.number, "code": code, "message": message, "stack": stack, "reason": reason})

    def ended(self, request: Request) -> None:
        """Notes the end of a call. Its answer is written next."""
        self.running.pop(request.number, None)
        if self._output.pending:
            self._output.flush(request.number)

    def _send(self, head: bytes, body) -> None:
        """Queues an answer; writes it at once if it is long."""
        if len(body) > _GATHERED_LENGTH:
            self._flush()
            self.link.send(head, body)
            return
        # Copied, because the Handler may change a bytearray before it is written.
        self._outgoing += (head, body if type(body) is bytes else bytes(body))

    def _flush(self) -> None:
        outgoing = self._outgoing
        if outgoing:
            self.link.send(b"".join(outgoing))
            outgoing.clear()

    def _collect_batch(self, request: Request, more: int) -> None:
        self._batch.append(request)
        if more:
            return
        batch = self._batch
        self._batch = []
        self.start(batch)

    def _take_of_stream(self, kind: int, request: Request | None, header: bytes, body: bytes) -> None:
        # The call has ended while this frame was on its way.
        if request is None:
            return
        if kind == CREDIT:
            if request.outgoing is not None:
                request.outgoing.add(header_of(header)["bytes"])
        elif request.incoming is not None:
            request.incoming.feed(body) if kind == DATA else request.incoming.end()

    def _cancel(self, number: int) -> None:
        request = self._withdraw(number)
        if request is not None:
            self.link.send(self.error_frame(request, DcfError("CANCELLED", "the caller gave up before the call began")))
            return
        request = self.running.get(number)
        if request is not None:
            request.cancel()

    def _withdraw(self, number: int) -> Request | None:
        """Removes a call that was sent ahead and has not begun; `None` if there is none with this number."""
        for request in list(self.waiting):
            if isinstance(request, Request) and request.announced and request.number == number:
                try:
                    self.waiting.remove(request)
                except ValueError:
                    # A thread has just begun it.
                    return None
                return request
        return None
