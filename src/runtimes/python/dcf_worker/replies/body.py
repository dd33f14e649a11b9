"""The bytes of what a Handler returned."""

from __future__ import annotations

from ..errors import DcfError, utf8
from .files import is_file, whole_file
from .json_values import json_text, plain_reply

_ALLOWED = "a reply is bytes, a string, a JSON value, a file or a generator of these"
_JSON = (dict, list, tuple, int, float)
#: What needs no look at how it comes.
PLAIN = (bytes, str, *_JSON)
_SIMPLE = (*PLAIN, bytearray, memoryview)


def reply_bytes(reply):
    """Bytes as they are, a string as UTF-8, a JSON value as JSON text, and of anything else what `simple` makes of it.

    Raises DcfError INTERNAL, saying what was returned, where in it the fault is and what to do, when it is no reply.
    """
    reply = simple(reply)
    if isinstance(reply, (bytes, bytearray)):
        return reply
    if isinstance(reply, str):
        return utf8(reply)
    return _flat(reply) if isinstance(reply, memoryview) else utf8(json_text(reply))


def simple(reply):
    """A reply as bytes, a string or a JSON value: a file as what is in it, any other value in its plain form.

    An array becomes lists, a dataclass an object, a date a string. Raises DcfError INTERNAL when it is no reply.
    """
    while not isinstance(reply, _SIMPLE):
        if reply is None:
            raise DcfError("INTERNAL", f"the Handler returned nothing (None); {_ALLOWED}; write 'null' for JSON's null")
        if is_file(reply):
            reply = whole_file(reply)
        else:
            reply = memoryview(reply) if _is_mapped_file(reply) else plain_reply(reply)
    return reply


def is_coming(reply) -> bool:
    """Whether a reply is still to come, in whatever way: what it is then is not known yet."""
    return not isinstance(reply, _SIMPLE) and any(hasattr(reply, name) for name in ("__await__", "__anext__", "__next__"))


def is_stream(reply) -> bool:
    """Whether a reply comes in chunks: a generator, a file, or another iterator."""
    return hasattr(reply, "__next__")


def is_async_stream(reply) -> bool:
    """Whether a reply comes in chunks that have to be awaited."""
    return hasattr(reply, "__anext__")


def _is_mapped_file(reply) -> bool:
    kind = type(reply)
    return kind.__name__ == "mmap" and kind.__module__ == "mmap"


def _flat(view: memoryview):
    """The bytes of a view, copied only where it has to be."""
    try:
        return view.cast("B")
    except (TypeError, ValueError, NotImplementedError):
        # It is empty, has gaps, or holds items that Python cannot name.
        return view.tobytes()
