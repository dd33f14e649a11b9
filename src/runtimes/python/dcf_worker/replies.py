"""The bytes of what a Handler returned."""

from __future__ import annotations

from json import dumps

from .errors import DcfError, utf8

_ALLOWED = "a reply is bytes, a string, a JSON value or a generator of these"


def reply_bytes(reply):
    """Bytes as they are, a string as UTF-8, a JSON value as JSON text.

    Raises DcfError INTERNAL, saying what was returned, when it is no reply.
    """
    if isinstance(reply, bytes):
        return reply
    if isinstance(reply, str):
        return utf8(reply)
    if isinstance(reply, bytearray):
        return reply
    if isinstance(reply, memoryview):
        return reply.cast("B") if reply.c_contiguous else reply.tobytes()
    if reply is None:
        raise DcfError("INTERNAL", f"the Handler returned nothing (None); {_ALLOWED}; write 'null' for JSON's null")
    if callable(reply):
        raise DcfError("INTERNAL", f"the Handler returned a function ({_name(reply)}); {_ALLOWED}")
    try:
        text = dumps(reply, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise DcfError("INTERNAL", f"the Handler returned a {_name(reply)} that JSON cannot write: {error}; {_ALLOWED}") from error
    return utf8(text)


def is_stream(reply) -> bool:
    """Whether a reply comes in chunks: a generator, or another iterator."""
    return hasattr(reply, "__next__")


def is_async_stream(reply) -> bool:
    """Whether a reply comes in chunks that have to be awaited."""
    return hasattr(reply, "__anext__")


def _name(value) -> str:
    return type(value).__name__
