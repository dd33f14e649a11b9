"""Response: the status, headers and content type that a Handler chooses for callers over HTTP."""

from __future__ import annotations

from ..errors import DcfError
from ..wire.messages import JSON, TEXT, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_NAME = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Characters of all names and values. Many clients refuse answers with longer headers.
_MAX_HEADERS = 16 * 1024
_NO_BODY = (204, 205, 304)


class Response:
    """A reply with a status and headers that the Handler chooses.

    body: anything that a reply may be: bytes, a string, a JSON value, a generator of chunks; None for an empty body.
    status: 200 to 599. headers: a mapping, or a list of pairs for names that come several times.
    content_type: takes the place of a content-type in headers.
    For a caller over gRPC the body is the output, and a status of 400 or above becomes an error with the matching code.
    Raises DcfError INTERNAL for a status or a header that HTTP does not allow.
    """

    __slots__ = ("body", "status", "headers")

    def __init__(
        self,
        body: Any = b"",
        status: int = 200,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        content_type: str | None = None,
    ) -> None:
        self.body = b"" if body is None else body
        self.status = _checked_status(status)
        pairs = headers.items() if hasattr(headers, "items") else headers or ()
        #: Pairs of name, in lower case, and value.
        self.headers = [_checked(name, value) for name, value in pairs]
        if content_type is not None:
            self.headers = [pair for pair in self.headers if pair[0] != "content-type"]
            self.headers.append(_checked("content-type", content_type))
        length = sum(len(name) + len(value) for name, value in self.headers)
        if length > _MAX_HEADERS:
            raise DcfError("INTERNAL", f"a Response has headers of {length} characters together; at most {_MAX_HEADERS} are allowed")
        if self.status in _NO_BODY and not _is_empty(self.body):
            raise DcfError("INTERNAL", f"a Response with status {self.status} cannot have a body")

    def head_frame(self, number: int) -> bytes:
        """The frame that goes in front of the answer to the call with this number."""
        head = {"status": int(self.status), "headers": self.headers}
        return write({"type": "REPLY_HEAD", "id": number, "head": head})


# The name that functions import it by, which messages show.
Response.__module__ = "dcf_worker"


def kind_of(reply) -> int:
    """The flags for the kind of a reply or a chunk: text, JSON or bytes."""
    if isinstance(reply, str):
        return TEXT
    return 0 if isinstance(reply, (bytes, bytearray, memoryview)) else JSON


def _is_empty(body) -> bool:
    return isinstance(body, (bytes, str, bytearray, memoryview)) and len(body) == 0


def _checked_status(status) -> int:
    if isinstance(status, int) and 200 <= status <= 599:
        return status
    raise DcfError("INTERNAL", f"a Response cannot have the status {status!r}; allowed are 200 to 599")


def _checked(name, value) -> tuple[str, str]:
    name = name.decode("latin-1") if isinstance(name, bytes) else name
    value = value.decode("latin-1") if isinstance(value, bytes) else value
    if not isinstance(name, str) or not name or not _NAME.issuperset(name):
        raise DcfError("INTERNAL", f"a Response cannot have the header name {_shown(name)}; allowed are letters, digits and !#$%&'*+-.^_`|~")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or any(char > "\xff" or char == "\x7f" or (char < " " and char != "\t") for char in value):
        raise DcfError(
            "INTERNAL",
            f"a Response cannot have the value {_shown(value)} for the header {name}; line breaks, control characters and characters outside Latin-1 are not allowed",
        )
    return name.lower(), value


def _shown(value) -> str:
    return repr(value)[:80]
