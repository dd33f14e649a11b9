"""The bytes of a reply that a Handler returned."""

from __future__ import annotations

from ..errors import DcfError, utf8
from .files import is_file, whole_file
from .json_values import json_text, plain_reply

_ALLOWED = "a reply is bytes, a string, a JSON value, a file or a generator of these"
_JSON = (dict, list, tuple, int, float)
#: Types that are neither awaited nor sent in chunks.
PLAIN = (bytes, str, *_JSON)
_SIMPLE = (*PLAIN, bytearray, memoryview)


def reply_bytes(reply):
    """A reply as bytes: bytes unchanged, a string as UTF-8, a JSON value as JSON text, anything else as `simple` converts it.

    Raises DcfError INTERNAL for what cannot be a reply. The message says what it is, where in the reply, and what to do.
    """
    reply = simple(reply)
    if isinstance(reply, (bytes, bytearray)):
        return reply
    if isinstance(reply, str):
        return utf8(reply)
    return _flat(reply) if isinstance(reply, memoryview) else utf8(json_text(reply))


def simple(reply):
    """Converts a reply to bytes, a string or a JSON value: a file to its content, an array to lists, a dataclass to an object, a date to a string.

    Raises DcfError INTERNAL for what cannot be a reply.
    """
    while not isinstance(reply, _SIMPLE):
        if reply is None:
            raise DcfError("INTERNAL", f"the Handler returned nothing (None); {_ALLOWED}; for JSON's null, return the string 'null'")
        if is_file(reply):
            reply = whole_file(reply)
        else:
            reply = memoryview(reply) if _is_mapped_file(reply) else plain_reply(reply)
    return reply


def is_coming(reply) -> bool:
    """Whether a reply has to be awaited or iterated first: its value is not known yet."""
    return not isinstance(reply, _SIMPLE) and any(hasattr(reply, name) for name in ("__await__", "__anext__", "__next__"))


def is_stream(reply) -> bool:
    """Whether a reply comes in chunks: it is a generator, a file, or another iterator."""
    return hasattr(reply, "__next__")


def is_async_stream(reply) -> bool:
    """Whether a reply comes in chunks that have to be awaited: it is an asynchronous iterator."""
    return hasattr(reply, "__anext__")


def _is_mapped_file(reply) -> bool:
    kind = type(reply)
    return kind.__name__ == "mmap" and kind.__module__ == "mmap"


def _flat(view: memoryview):
    """The bytes of a view, copied only if necessary."""
    try:
        return view.cast("B")
    except (TypeError, ValueError, NotImplementedError):
        # The view is empty or not contiguous, or Python has no name for its items.
        return view.tobytes()
