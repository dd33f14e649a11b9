"""The one error of the platform, and how anything that was raised is told to the daemon."""

from __future__ import annotations

import os

CODES = frozenset(
    (
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    )
)

# A header holds 64 KiB; message, stack and JSON's escapes have to fit.
MAX_MESSAGE_LENGTH = 4 * 1024
MAX_STACK_LENGTH = 8 * 1024

_CUT = " … (cut)"
_RUNTIME_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


class DcfError(Exception):
    """An error with a gRPC status code of the function's own choice.

    Raises ValueError for a code that gRPC does not have.
    """

    def __init__(self, code: str, message: str, reason: str | None = None) -> None:
        if code not in CODES:
            raise ValueError(f"{code!r} is no gRPC status; there are: {', '.join(sorted(CODES))}")
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason


# What functions import it from, and tracebacks say.
DcfError.__module__ = "dcf_worker"


def code_and_reason(error: BaseException) -> tuple[str, str | None]:
    """UNKNOWN, unless the error chose a code; also that of another class of this name, such as the client package's."""
    if type(error).__name__ != "DcfError":
        return "UNKNOWN", None
    code = getattr(error, "code", None)
    reason = getattr(error, "reason", None)
    return (code if code in CODES else "UNKNOWN"), (reason if isinstance(reason, str) else None)


def message_of(error: BaseException) -> str:
    """Never empty, and never raises."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        return f"{name}, which cannot be described"
    # What a KeyError says is the key alone.
    return f"{name}: {text}" if text == "" or isinstance(error, KeyError) else text


def describe(error: BaseException) -> tuple[str, str]:
    """Message and traceback, both short enough for a header."""
    return cut(message_of(error).rstrip(": "), MAX_MESSAGE_LENGTH), _stack_of(error)


def cut(text: str, limit: int) -> str:
    """`text` in at most `limit` UTF-8 bytes, well-formed, with a mark where it was cut."""
    whole = utf8(text[:limit])
    if len(text) <= limit and len(whole) <= limit:
        return whole.decode("utf-8")
    return whole[: limit - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT


def utf8(text: str) -> bytes:
    """`text` as UTF-8; half a surrogate pair, which UTF-8 cannot write, becomes U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _stack_of(error: BaseException) -> str:
    try:
        # Loaded for the first error only: it would cost each replica some of its start.
        import traceback

        frames = _own_frames(error)
        if frames is None and isinstance(error, DcfError):
            # The runtime's own words: where they were put together is of no use to anybody.
            return ""
        lines = traceback.format_exception(type(error), error, frames)
    except Exception:
        return ""
    stack = "".join(cut(line, MAX_STACK_LENGTH // 4) for line in lines).rstrip()
    whole = utf8(stack)
    if len(whole) <= MAX_STACK_LENGTH:
        return whole.decode("utf-8")
    # Where it was raised stands at the end.
    tail = whole[-(MAX_STACK_LENGTH * 3 // 4) :].decode("utf-8", "ignore")
    return cut(stack, MAX_STACK_LENGTH // 4 - 8) + "\n" + tail


def _own_frames(error: BaseException):
    """The traceback from the first frame that is neither the runtime's nor the import system's."""
    frames = error.__traceback__
    while frames is not None:
        name = frames.tb_frame.f_code.co_filename
        if not name.startswith((_RUNTIME_FOLDER, "<frozen ")):
            break
        frames = frames.tb_next
    return frames
