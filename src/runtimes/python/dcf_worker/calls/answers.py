"""Answers: the frames for what a Handler returned or raised."""

from __future__ import annotations

from ..errors import DcfError, utf8
from ..replies.body import PLAIN, is_async_stream, is_coming, is_stream, reply_bytes, simple
from ..replies.files import file_reply, is_file
from ..replies.json_values import json_text
from ..replies.response import Response, kind_of
from ..wire.frames import HEAD
from ..wire.messages import END, JSON, RESULT, TEXT
from .request import Request
from .streams import cancelled

#: Types of replies that `body_of` converts without awaiting anything. Bytes need no conversion.
ORDINARY = (str, dict, list)


class Answers:
    """The part of `Calls` that begins when the Handler has returned."""

    def __init__(self, target, link, max_payload: int) -> None:
        self.target = target
        self.link = link
        self.max_payload = max_payload
        #: Returns an event loop for the thread that serves.
        self.main_loop = None
        self._loops = None

    def cancel_all(self) -> None:
        """Cancels all calls: nobody waits for an answer any more."""
        raise NotImplementedError

    def error_frame(self, request: Request, error: BaseException) -> bytes:
        """The answer to a call that failed."""
        raise NotImplementedError

    def ended(self, request: Request) -> None:
        """Notes the end of a call. Its answer is written next."""
        raise NotImplementedError

    @property
    def awaits(self) -> bool:
        """Whether the running code is a coroutine of the Handler."""
        return self._loops is not None and self._loops.running_here()

    def head_of_result(self, request: Request, body) -> bytes:
        """The frame's head for a reply. Raises DcfError RESOURCE_EXHAUSTED when the body is too long."""
        self.check_length(len(body))
        return request.reply_head + HEAD.pack(len(body), 0, RESULT, request.reply_flags, request.number, 0)

    def end_frame(self, request: Request) -> bytes:
        """The frame that ends an answer in chunks."""
        return request.reply_head + HEAD.pack(0, 0, END, 0, request.number, 0)

    def opened(self, request: Request, reply):
        """The body of a Response, whose head is kept for the answer; any other reply itself."""
        if isinstance(reply, Response):
            request.reply_head = reply.head_frame(request.number)
            reply = reply.body
        if not is_coming(reply):
            reply = simple(reply)
            request.reply_flags = kind_of(reply)
        return reply

    def body_of(self, request: Request, reply):
        """The bytes of a reply; `None` when it was sent in chunks, so that only END is left to send."""
        kind = type(reply)
        if kind is str:
            request.reply_flags = TEXT
            return utf8(reply)
        if kind is dict or kind is list:
            request.reply_flags = JSON
            return utf8(json_text(reply))
        return self.body_of_opened(request, self.opened(request, reply))

    def body_of_opened(self, request: Request, reply):
        """Does the same as `body_of` for the result of `opened`."""
        if isinstance(reply, PLAIN):
            return reply_bytes(reply)
        if hasattr(reply, "__await__") or is_async_stream(reply):
            return self._await(request, reply)
        if not is_stream(reply):
            return reply_bytes(reply)
        chunks = file_reply(reply, self.max_payload) if is_file(reply) else reply
        if isinstance(chunks, (bytes, str)):
            request.reply_flags = kind_of(chunks)
            return reply_bytes(chunks)
        try:
            return self._send_chunks(request, chunks)
        finally:
            close = getattr(reply, "close", None)
            if close is not None:
                close()

    def chunk_bytes(self, chunk):
        """The bytes of one chunk. Raises DcfError INTERNAL for what cannot be a chunk, RESOURCE_EXHAUSTED for one that is too long."""
        body = reply_bytes(chunk)
        self.check_length(len(body))
        return body

    def check_length(self, length: int) -> None:
        """Raises DcfError RESOURCE_EXHAUSTED for more bytes than limits.payload allows."""
        if length > self.max_payload:
            raise DcfError("RESOURCE_EXHAUSTED", f"the reply has {length} bytes; limits.payload is {self.max_payload}")

    def batch_replies(self, batch: list[Request], replies) -> list:
        """The replies of a batch. Raises DcfError INTERNAL unless there is one for each request."""
        if isinstance(replies, (list, tuple)) and len(replies) == len(batch):
            return list(replies)
        found = f"{len(replies)} replies" if isinstance(replies, (list, tuple)) else f"a {type(replies).__name__}"
        raise DcfError("INTERNAL", f"call_batch returned {found} for {len(batch)} requests; it must return a list with one reply for each")

    def run_batch(self, batch: list[Request]):
        """Runs a batch, and returns the answers to its calls: see `batch_answers`."""
        try:
            replies = self.target.call_batch(batch)
            if hasattr(replies, "__await__"):
                replies = self._own_loops().run(None, _awaited(replies))
            replies = self.batch_replies(batch, replies)
        except BaseException as error:
            replies = [error] * len(batch)
        return self.batch_answers(batch, replies)

    def batch_answers(self, batch: list[Request], replies: list):
        """Yields the answer to each call of a batch: the frame's head, and the body. An exception in place of a reply fails only its call."""
        for request, reply in zip(batch, replies):
            try:
                if isinstance(reply, BaseException):
                    raise reply
                body = self._body_in_batch(request, reply)
                head = self.head_of_result(request, body)
            except BaseException as error:
                head = self.error_frame(request, error)
                body = b""
            self.ended(request)
            yield head, body

    def _body_in_batch(self, request: Request, reply):
        reply = self.opened(request, reply)
        if is_stream(reply) and not is_file(reply):
            return self._gather(request, reply)
        reply = simple(reply)
        request.reply_flags = kind_of(reply)
        return reply_bytes(reply)

    def _send_chunks(self, request: Request, chunks) -> bytes | None:
        if not request.takes_chunks:
            return self._gather(request, chunks)
        outgoing = None
        for chunk in chunks:
            chunk = simple(chunk)
            body = self.chunk_bytes(chunk)
            outgoing = outgoing or request.begin_stream()
            outgoing.send(body, kind_of(chunk))
            self.look_now_and_then()
        return None

    def _gather(self, request: Request, chunks) -> bytes:
        gathered = []
        length = 0
        for chunk in chunks:
            chunk = simple(chunk)
            body = reply_bytes(chunk)
            request.reply_flags = request.reply_flags if gathered else kind_of(chunk)
            length += len(body)
            self.check_length(length)
            gathered.append(body)
            self.look_now_and_then()
            if request.was_cancelled:
                raise cancelled()
        return b"".join(gathered)

    def look_now_and_then(self) -> None:
        """Called after each chunk, so that an endless generator is ended once nobody waits for it."""

    def _await(self, request: Request, reply):
        from .awaited import body_of_later

        return self._own_loops().run(request, body_of_later(self, request, reply))

    def _own_loops(self):
        """Event loops for a Handler that did not look `async` when it was loaded. Made when needed: to import asyncio takes long."""
        if self._loops is None:
            from .awaited import Loops

            self._loops = Loops(self.link, self.cancel_all, self.main_loop)
        return self._loops


async def _awaited(replies):
    return await replies
