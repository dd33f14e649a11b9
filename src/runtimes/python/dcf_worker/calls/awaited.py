"""Replies that have to be awaited, of an `async def` Handler or of any other that returns an awaitable."""

from __future__ import annotations

import asyncio
import threading
from time import perf_counter

from ..errors import DcfError
from ..replies.body import is_async_stream, is_stream, reply_bytes, simple
from ..replies.files import file_reply, is_file
from ..replies.response import kind_of
from .streams import cancelled

# Seconds that a plain generator may keep the event loop busy.
_LONG_STEP = 0.001


async def body_of_later(calls, request, reply):
    """The bytes of a reply; `None` when it was sent in chunks, so that only END is left to send."""
    reply = calls.opened(request, reply)
    while hasattr(reply, "__await__"):
        reply = calls.opened(request, await reply)
    asynchronous = is_async_stream(reply)
    if not asynchronous and not is_stream(reply):
        return reply_bytes(reply)
    chunks = file_reply(reply, calls.max_payload) if is_file(reply) else reply
    if isinstance(chunks, (bytes, str)):
        request.reply_flags = kind_of(chunks)
        return reply_bytes(chunks)
    gathered = []
    length = 0
    outgoing = None
    try:
        async for chunk in chunks if asynchronous else _in_turns(chunks):
            chunk = simple(chunk)
            body = calls.chunk_bytes(chunk)
            if request.takes_chunks:
                outgoing = outgoing or request.begin_stream()
                await outgoing.send_later(body, kind_of(chunk))
                continue
            request.reply_flags = request.reply_flags if gathered else kind_of(chunk)
            length += len(body)
            calls.check_length(length)
            gathered.append(body)
    finally:
        await _close(reply)
    return None if request.takes_chunks else b"".join(gathered)


async def _in_turns(chunks):
    """The chunks of a plain generator. Between them other tasks of the loop get their turn."""
    began = perf_counter()
    for chunk in chunks:
        yield chunk
        if perf_counter() - began > _LONG_STEP:
            await asyncio.sleep(0)
            began = perf_counter()


async def _close(reply) -> None:
    close = getattr(reply, "aclose", None) or getattr(reply, "close", None)
    if close is None:
        return
    closing = close()
    if hasattr(closing, "__await__"):
        await closing


class Loops:
    """Event loops for a Handler that did not look `async` when it was loaded: one for each thread that runs calls."""

    def __init__(self, link, cancel_all, main_loop) -> None:
        self._link = link
        self._cancel_all = cancel_all
        self._main_loop = main_loop
        self._of_thread = threading.local()

    def run(self, request, coroutine):
        """Runs a coroutine and returns its result. It is cancelled together with its call.

        request: the call; `None` for a coroutine that belongs to several calls.
        """
        loop = self._loop()
        task = loop.create_task(coroutine)
        if request is not None:
            request.task = _Cancellation(loop, task)
            if request.was_cancelled:
                task.cancel()
        try:
            return self._run(loop, task)
        except asyncio.CancelledError:
            raise cancelled() if request is not None and request.was_cancelled else DcfError("UNKNOWN", "the Handler cancelled itself") from None
        finally:
            if request is not None:
                request.task = None

    def running_here(self) -> bool:
        """Whether the running code is a coroutine in one of these loops."""
        return asyncio._get_running_loop() is getattr(self._of_thread, "loop", self)

    def _run(self, loop, task):
        link = self._link
        if not link.turns:
            return loop.run_until_complete(task)
        # No other thread reads.
        descriptor = link.descriptor
        link.fed = True
        loop.add_reader(descriptor, self._read, loop, descriptor)
        try:
            return loop.run_until_complete(task)
        finally:
            loop.remove_reader(descriptor)
            link.fed = False

    def _read(self, loop, descriptor: int) -> None:
        self._link.poll()
        if self._link.ended:
            loop.remove_reader(descriptor)
            self._cancel_all()

    def _loop(self):
        loop = getattr(self._of_thread, "loop", None)
        if loop is None:
            loop = self._main_loop() if self._link.turns else asyncio.new_event_loop()
            self._of_thread.loop = loop
        return loop


class _Cancellation:
    """A task that any thread may cancel."""

    def __init__(self, loop, task) -> None:
        self._loop = loop
        self._task = task

    def cancel(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
