"""Calls of an `async def` Handler: each is a task of one event loop."""

from __future__ import annotations

import asyncio
import threading

from ..errors import DcfError
from ..process.forks import fail_child
from ..replies.response import kind_of
from .answers import ORDINARY
from .awaited import body_of_later
from .base import ORPHAN_GRACE, Calls
from .request import Request
from .streams import cancelled


class AsyncCalls(Calls):
    """Reads from the event loop. A call that is cancelled has its task cancelled."""

    def __init__(self, target, link, output, init: dict, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(target, link, output, init)
        link.turns = False
        self._loop = loop
        #: Number of calls and batches that run.
        self._busy = 0

    def serve(self) -> None:
        self.link.reader = threading.get_ident()
        self._loop.add_reader(self.link.descriptor, self._readable)
        self._loop.run_forever()

    def abandon(self) -> None:
        super().abandon()
        # The loop still runs as many callbacks in this turn as it has counted. They belong to the parent: others, which end the child, replace them.
        waiting = getattr(self._loop, "_ready", None)
        count = 0 if waiting is None else len(waiting)
        if waiting is not None:
            waiting.clear()
        for _ in range(count + 1):
            self._loop.call_soon(_end_in_loop)

    def start(self, item: Request | list[Request]) -> None:
        self._busy += 1
        if isinstance(item, Request):
            # The loop keeps only weak references to tasks.
            item.keeper = self._loop.create_task(self._run(item))
        else:
            item[0].keeper = self._loop.create_task(self._run_batch(item))

    def start_waiting(self) -> None:
        while self._busy < self.concurrency and self.waiting:
            request = self.waiting.popleft()
            started = self.begin(request)
            if started is not None:
                self.link.send(started)
                self.start(request)

    @property
    def awaits(self) -> bool:
        # Without a running loop this is a thread that the Handler has started.
        return asyncio._get_running_loop() is not None

    def _readable(self) -> None:
        self.link.receive()
        if self.link.ended:
            self._loop.remove_reader(self.link.descriptor)
            self.leaving = True
            self.cancel_all()
            self._loop.call_later(ORPHAN_GRACE, self._loop.stop)
        self._leave_when_idle()

    def _leave_when_idle(self) -> None:
        if self.leaving and self._busy == 0 and not self.waiting:
            self._flush()
            self._loop.stop()

    async def _run(self, request: Request) -> None:
        # Set here and not earlier: a task that is cancelled before its first step never runs, so it would send no answer.
        request.task = asyncio.current_task()
        self.enter(request)
        try:
            if request.was_cancelled:
                raise cancelled()
            reply = self.target.handle(request)
            if hasattr(reply, "__await__"):
                reply = await reply
            if type(reply) is bytes:
                body = reply
            else:
                body = self.body_of(request, reply) if type(reply) in ORDINARY else await body_of_later(self, request, reply)
            frame = self.end_frame(request) if body is None else self.head_of_result(request, body)
        except asyncio.CancelledError:
            frame = self.error_frame(request, cancelled() if request.was_cancelled else DcfError("UNKNOWN", "the Handler cancelled itself"))
            body = None
        except BaseException as error:
            frame = self.error_frame(request, error)
            body = None
        self.ended(request)
        self._send(frame, body or b"")
        self._freed()

    async def _run_batch(self, batch: list[Request]) -> None:
        self.enter(batch[0] if len(batch) == 1 else None)
        try:
            replies = self.target.call_batch(batch)
            if hasattr(replies, "__await__"):
                replies = await replies
            replies = self.batch_replies(batch, replies)
        except BaseException as error:
            replies = [error] * len(batch)
        for head, body in self.batch_answers(batch, replies):
            self._send(head, body)
        self._freed()

    def _freed(self) -> None:
        self._busy -= 1
        self.start_waiting()
        self._leave_when_idle()

    def _send(self, head: bytes, body) -> None:
        """Queues an answer. All answers of one turn of the loop are written together."""
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        super()._send(head, body)


def _end_in_loop() -> None:
    fail_child(RuntimeError("a process that was forked in a coroutine cannot await: the event loop belongs to its parent"))
