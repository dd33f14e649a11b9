"""DcfError, and how any exception is reported to the daemon."""

from __future__ import annotations

import os
from json import dumps

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

# Bytes of UTF-8. A header holds 64 KiB, into which reason, message, stack and JSON's escapes have to fit.
MAX_MESSAGE_LENGTH = 4 * 1024
MAX_STACK_LENGTH = 8 * 1024
MAX_REASON_LENGTH = 1024
# Bytes of a stack as JSON, which writes a control character with six bytes.
_MAX_WRITTEN_STACK = 32 * 1024
_CONTROLS = {code: 0xFFFD for code in range(0x20) if chr(code) not in "\t\n\r"}

_CUT = " … (cut)"
_RUNTIME_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


class DcfError(Exception):
    """An error with a gRPC status code that the function chooses, such as NOT_FOUND.

    message: what the caller reads. reason: a word for programs, or None.
    Raises ValueError for a code that gRPC does not have.
    """

    def __init__(self, code: str, message: str, reason: str | None = None) -> None:
        if code not in CODES:
            raise ValueError(f"{code!r} is not a gRPC status code; use one of: {', '.join(sorted(CODES))}")
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason

    def __reduce__(self):
        # Without it pickle would call DcfError(message): a pool of processes would wait for ever for the result of a task that raised one.
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(kind: type, args: tuple) -> BaseException:
    return kind.__new__(kind, *args)


# The name that functions import it by, which tracebacks show.
DcfError.__module__ = "dcf_worker"


def code_and_reason(error: BaseException) -> tuple[str, str | None]:
    """The status code of an exception, and the reason: those of a DcfError, UNKNOWN for any other.

    A DcfError of another package counts too, such as that of the client.
    """
    if type(error).__name__ != "DcfError":
        return "UNKNOWN", None
    code = getattr(error, "code", None)
    reason = getattr(error, "reason", None)
    return (code if code in CODES else "UNKNOWN"), (cut(reason, MAX_REASON_LENGTH) if isinstance(reason, str) else None)


def message_of(error: BaseException) -> str:
    """What an exception says. Never empty, and never raises."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        return f"{name}, which cannot be described"
    # The text of a KeyError is the key alone.
    return f"{name}: {text}" if text == "" or isinstance(error, KeyError) else text


def describe(error: BaseException) -> tuple[str, str]:
    """Message and traceback of an exception, both short enough for a header."""
    return cut(message_of(error).rstrip(": "), MAX_MESSAGE_LENGTH), _stack_of(error)


def cut(text: str, limit: int) -> str:
    """`text` cut to at most `limit` bytes of valid UTF-8, with a mark at the end if something was cut."""
    whole = utf8(text[:limit])
    if len(text) <= limit and len(whole) <= limit:
        return whole.decode("utf-8")
    return whole[: limit - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT


def utf8(text: str) -> bytes:
    """`text` as UTF-8; a lone surrogate, which UTF-8 cannot express, becomes U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _stack_of(error: BaseException) -> str:
    stack = _cut_stack_of(error)
    return stack if len(utf8(dumps(stack, ensure_ascii=False))) <= _MAX_WRITTEN_STACK else stack.translate(_CONTROLS)


def _cut_stack_of(error: BaseException) -> str:
    try:
        # Loaded with the first error: to load it earlier would make each replica start later.
        import traceback

        frames = _own_frames(error)
        if frames is None and isinstance(error, DcfError):
            # The runtime raised it: its own frames are of no use to the function's author.
            return ""
        lines = traceback.format_exception(type(error), error, frames)
    except Exception:
        return ""
    stack = "".join(cut(line, MAX_STACK_LENGTH // 4) for line in lines).rstrip()
    whole = utf8(stack)
    if len(whole) <= MAX_STACK_LENGTH:
        return whole.decode("utf-8")
    # The end is kept: it names the line that raised the exception.
    tail = whole[-(MAX_STACK_LENGTH * 3 // 4) :].decode("utf-8", "ignore")
    return cut(stack, MAX_STACK_LENGTH // 4 - 8) + "\n" + tail


def _own_frames(error: BaseException):
    """The traceback from its first frame outside the runtime and the import system; None if there is none."""
    frames = error.__traceback__
    while frames is not None:
        name = frames.tb_frame.f_code.co_filename
        if not name.startswith((_RUNTIME_FOLDER, "<frozen ")):
            break
        frames = frames.tb_next
    return frames
