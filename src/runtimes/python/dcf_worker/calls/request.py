"""One call, as the Handler sees it."""

from __future__ import annotations

from json import loads
from time import monotonic, time

from ..errors import DcfError
from ..wire.messages import ANNOUNCE, MAY_STREAM, STREAM_IN, STREAM_OUT, header_of
from .streams import Incoming, Outgoing, WholeInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NEVER = float("inf")
_STREAMED = "this call sends its input in chunks: the Handler has to read req.chunks instead"


class Request:
    """One call. What few Handlers look at is made only when it is asked for."""

    #: The bytes that the caller sent. Raises DcfError INVALID_ARGUMENT in a streamed call, whose input comes in `chunks`.
    input: bytes

    __slots__ = ("input", "number", "announced", "was_cancelled", "incoming", "takes_chunks", "outgoing", "reply_flags", "reply_head", "task", "keeper", "_calls", "_header", "_fields", "_until", "_chunks")

    def __init__(self, calls: Any, number: int, flags: int, timeout_ms: int, header: bytes, body: bytes) -> None:
        if not flags & STREAM_IN:
            self.input = body
        #: Of the call on the worker's stream.
        self.number = number
        self.announced = flags & ANNOUNCE
        #: What is known without looking; `cancelled` looks.
        self.was_cancelled = False
        self.incoming = Incoming(self, calls.link) if flags & STREAM_IN else None
        self.takes_chunks = flags & (STREAM_OUT | MAY_STREAM)
        #: Set once the answer goes out in chunks.
        self.outgoing = None
        #: What the answer's body is, and the frame that goes in front of it, where the Handler chose something.
        self.reply_flags = 0
        self.reply_head = b""
        #: What runs it, once that can be cancelled.
        self.task = None
        self.keeper = None
        self._calls = calls
        self._header = header
        self._fields: dict | None = None
        self._until = monotonic() + timeout_ms / 1000 if timeout_ms else _NEVER
        self._chunks = None

    @property
    def id(self) -> str:
        """The call's id: the caller's own if it gave one."""
        return self._read_header()["requestId"]

    @property
    def metadata(self) -> dict[str, str]:
        """What the caller sent along, by lower-case key."""
        return self._read_header().get("metadata", {})

    @property
    def query(self) -> dict[str, str]:
        """The query of the URL, without `revision`, which is the platform's; of a name that comes several times the last value."""
        return {name: values[-1] for name, values in self.query_all.items()}

    @property
    def query_all(self) -> dict[str, list[str]]:
        """The query, with all the values of each name."""
        from urllib.parse import parse_qs

        return parse_qs(self._read_header().get("query", ""), keep_blank_values=True)

    @property
    def content_type(self) -> str | None:
        """What the caller says that the input is."""
        return self._read_header().get("contentType")

    @property
    def remaining(self) -> float:
        """Seconds until the caller stops waiting; infinite where it never does."""
        return max(0.0, self._until - monotonic())

    @property
    def deadline(self) -> float:
        """When the caller stops waiting, as time.time() counts; infinite where it never does."""
        return time() + (self._until - monotonic())

    @property
    def over(self) -> bool:
        """Whether nobody waits for an answer any more, as far as it is known."""
        return self.was_cancelled or monotonic() >= self._until

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for an answer any more: the caller gave up or the deadline passed."""
        if not self.was_cancelled:
            self._calls.look()
        return self.over

    @property
    def chunks(self) -> Incoming | WholeInput:
        """The input as it comes, for `for` and `async for`; of a call that is not streamed, all of it at once."""
        if self._chunks is None:
            self._chunks = WholeInput(self.input) if self.incoming is None else self.incoming
        return self._chunks

    def text(self) -> str:
        """The input as UTF-8 text; what is none becomes U+FFFD."""
        return self.input.decode("utf-8", "replace")

    def json(self) -> Any:
        """The input as JSON. Raises DcfError INVALID_ARGUMENT when it is none."""
        try:
            return loads(self.input)
        except ValueError as error:
            raise DcfError("INVALID_ARGUMENT", f"the input is not valid JSON: {error}") from None

    def begin_stream(self) -> Outgoing:
        """The answer goes out in chunks from now on, for as long as something moves: the daemon sees to the time."""
        self.outgoing = Outgoing(self, self._calls.link)
        if not self.takes_chunks & STREAM_OUT:
            self._until = _NEVER
        if self.reply_head:
            self._calls.link.send(self.reply_head)
            self.reply_head = b""
        return self.outgoing

    def __getattr__(self, name: str) -> Any:
        # Only what has no value comes here, so a call with all its input at once pays nothing for it.
        if name == "input":
            raise DcfError("INVALID_ARGUMENT", _STREAMED)
        raise AttributeError(f"a request has no {name}")

    def gathered(self, chunks: list[bytes]) -> None:
        """All chunks of a streamed input were read, for code that takes the whole of it."""
        self.input = b"".join(chunks)
        self._chunks = WholeInput(self.input)

    def cancel(self) -> None:
        """Nobody waits any more."""
        self.was_cancelled = True
        if self.incoming is not None:
            self.incoming.wake()
        if self.outgoing is not None:
            self.outgoing.wake()
        if self.task is not None:
            self.task.cancel()

    def _read_header(self) -> dict:
        if self._fields is None:
            self._fields = header_of(self._header)
        return self._fields


# The name that functions import it by, which messages show.
Request.__module__ = "dcf_worker"
