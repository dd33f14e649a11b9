"""The request of one call, as the Handler sees it."""

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
    """The request of one call. What few Handlers use is read from the header only when it is asked for."""

    #: The bytes that the caller sent. For an input in chunks DcfError INVALID_ARGUMENT is raised: read `chunks` instead.
    input: bytes

    __slots__ = ("input", "number", "announced", "was_cancelled", "incoming", "takes_chunks", "outgoing", "reply_flags", "reply_head", "task", "keeper", "_calls", "_header", "_fields", "_until", "_chunks")

    def __init__(self, calls: Any, number: int, flags: int, timeout_ms: int, header: bytes, body: bytes) -> None:
        if not flags & STREAM_IN:
            self.input = body
        #: Number of the call on the worker's stream.
        self.number = number
        self.announced = flags & ANNOUNCE
        #: Whether the call was cancelled, as far as messages were read; the property `cancelled` reads new ones first.
        self.was_cancelled = False
        self.incoming = Incoming(self, calls.link) if flags & STREAM_IN else None
        self.takes_chunks = flags & (STREAM_OUT | MAY_STREAM)
        #: The chunks of the answer, once it is sent in chunks.
        self.outgoing = None
        #: The kind of the answer's body, and the frame in front of the answer when the Handler returned a Response.
        self.reply_flags = 0
        self.reply_head = b""
        #: The task that runs the call, once it can be cancelled.
        self.task = None
        self.keeper = None
        self._calls = calls
        self._header = header
        self._fields: dict | None = None
        self._until = monotonic() + timeout_ms / 1000 if timeout_ms else _NEVER
        self._chunks = None

    @property
    def id(self) -> str:
        """Id of the call: the one that the caller chose, or else one that the daemon made."""
        return self._read_header()["requestId"]

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata that the caller sent, by key in lower case."""
        return self._read_header().get("metadata", {})

    @property
    def query(self) -> dict[str, str]:
        """The query of the URL: for each name its last value. `revision` is not in it: the daemon uses that one."""
        return {name: values[-1] for name, values in self.query_all.items()}

    @property
    def query_all(self) -> dict[str, list[str]]:
        """The query of the URL: for each name all of its values."""
        from urllib.parse import parse_qs

        return parse_qs(self._read_header().get("query", ""), keep_blank_values=True)

    @property
    def content_type(self) -> str | None:
        """The content type of the input, if the caller named one."""
        return self._read_header().get("contentType")

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, 0 after it; infinite if there is none."""
        return max(0.0, self._until - monotonic())

    @property
    def deadline(self) -> float:
        """The deadline in seconds since the epoch, as time.time() counts; infinite if there is none."""
        return time() + (self._until - monotonic())

    @property
    def over(self) -> bool:
        """Whether nobody waits for an answer any more, as far as messages were read."""
        return self.was_cancelled or monotonic() >= self._until

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for an answer any more: the caller gave up, or the deadline passed."""
        if not self.was_cancelled:
            self._calls.look()
        return self.over

    @property
    def chunks(self) -> Incoming | WholeInput:
        """The chunks of the input, for `for` and `async for`. An input that came whole is one chunk."""
        if self._chunks is None:
            self._chunks = WholeInput(self.input) if self.incoming is None else self.incoming
        return self._chunks

    def text(self) -> str:
        """The input as text. Bytes that are not valid UTF-8 become U+FFFD."""
        return self.input.decode("utf-8", "replace")

    def json(self) -> Any:
        """The input, parsed as JSON. Raises DcfError INVALID_ARGUMENT when it is not valid JSON."""
        try:
            return loads(self.input)
        except ValueError as error:
            raise DcfError("INVALID_ARGUMENT", f"the input is not valid JSON: {error}") from None

    def begin_stream(self) -> Outgoing:
        """Begins an answer in chunks. It may take any time as long as chunks move: the daemon ends a stream that stands still."""
        self.outgoing = Outgoing(self, self._calls.link)
        if not self.takes_chunks & STREAM_OUT:
            self._until = _NEVER
        if self.reply_head:
            self._calls.link.send(self.reply_head)
            self.reply_head = b""
        return self.outgoing

    def __getattr__(self, name: str) -> Any:
        # Called only for attributes without a value, so it costs a call with a whole input nothing.
        if name == "input":
            raise DcfError("INVALID_ARGUMENT", _STREAMED)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def gathered(self, chunks: list[bytes]) -> None:
        """Keeps all chunks of a streamed input as `input`, for code that needs the whole input."""
        self.input = b"".join(chunks)
        self._chunks = WholeInput(self.input)

    def cancel(self) -> None:
        """Cancels the call: nobody waits for its answer any more."""
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
