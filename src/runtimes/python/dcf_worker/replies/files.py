"""Files that a Handler returns. Their content is the reply."""

from __future__ import annotations

from ..errors import DcfError

_PIECE_LENGTH = 64 * 1024


def is_file(reply) -> bool:
    """Whether a reply is a file, a file in memory, or an object that can be read like a file."""
    kind = type(reply)
    return callable(getattr(kind, "read", None) or getattr(reply, "read", None)) and hasattr(kind, "__iter__") and not hasattr(kind, "__aiter__")


def file_reply(file, limit: int):
    """The rest of a file, from its position on, in pieces of at most `limit` bytes; a file in memory whole, if `limit` allows it.

    limit: bytes of a chunk. Raises DcfError INTERNAL when the file cannot be read.
    """
    value = _in_memory(file)
    if value is None:
        return _pieces(file, limit)
    if len(value) <= limit:
        return value
    step = _step(limit)
    return (value[at : at + step] for at in range(0, len(value), step))


def whole_file(file):
    """The rest of a file, from its position on, as bytes or text. Raises DcfError INTERNAL when it cannot be read."""
    value = _in_memory(file)
    if value is not None:
        return value
    try:
        pieces = list(_pieces(file, _PIECE_LENGTH))
    finally:
        close = getattr(file, "close", None)
        if close is not None:
            close()
    return "".join(pieces) if pieces and isinstance(pieces[0], str) else b"".join(pieces)


def _in_memory(file):
    """The content of a BytesIO or StringIO from its position on; all of it if the position is at the end, where writing leaves it."""
    getvalue = getattr(file, "getvalue", None)
    if not callable(getvalue):
        return None
    try:
        value = getvalue()
        at = file.tell()
    except ValueError as error:
        raise _unreadable(file, str(error)) from None
    return value[at:] if 0 < at < len(value) else value


def _pieces(file, limit: int):
    readable = getattr(file, "readable", None)
    if callable(readable) and not readable():
        raise _unreadable(file, "it was opened for writing only")
    step = _step(limit)
    found = False
    while True:
        try:
            piece = file.read(step)
        except (OSError, ValueError) as error:
            raise _unreadable(file, str(error)) from error
        if not piece:
            if not found and _stands_at_end(file):
                raise _unreadable(file, "its position is at its end: call seek(0) before it is returned")
            return
        found = True
        yield piece


def _step(limit: int) -> int:
    # A character of text takes up to four bytes.
    return max(1, min(_PIECE_LENGTH, limit // 4))


def _stands_at_end(file) -> bool:
    try:
        return file.seekable() and file.tell() > 0
    except (AttributeError, OSError, ValueError):
        return False


def _unreadable(file, why: str) -> DcfError:
    return DcfError("INTERNAL", f"the Handler returned a file ({type(file).__name__}) that cannot be read: {why}")
