"""Messages between the daemon and a worker, as dictionaries. For speed, calls and their results are read and written as frames instead."""

from __future__ import annotations

from json import dumps, loads

from .frames import FrameError, encode

PROTOCOL_VERSION = 1

INIT, READY, INIT_FAILED, CALL, RESULT, ERROR, CANCEL, DATA, END, CREDIT, LOG, DRAIN, STARTED, RECALL, RETURNED, RETIRE, REPLY_HEAD = range(1, 18)

MORE = 1
STREAM_IN = 2
STREAM_OUT = 4
ANNOUNCE = 8
MAY_STREAM = 16

# Flags of RESULT and DATA: the kind of the body. Without either flag it is bytes.
TEXT = 1
JSON = 2

# Bytes that each side may send in a streamed call before the first CREDIT comes.
INITIAL_CREDIT = 256 * 1024
# Bytes of credit that a DATA frame uses besides those of its body.
CHUNK_COST = 16

_NAMES = {
    INIT: "INIT",
    READY: "READY",
    INIT_FAILED: "INIT_FAILED",
    CALL: "CALL",
    RESULT: "RESULT",
    ERROR: "ERROR",
    CANCEL: "CANCEL",
    DATA: "DATA",
    END: "END",
    CREDIT: "CREDIT",
    LOG: "LOG",
    DRAIN: "DRAIN",
    STARTED: "STARTED",
    RECALL: "RECALL",
    RETURNED: "RETURNED",
    RETIRE: "RETIRE",
    REPLY_HEAD: "REPLY_HEAD",
}
_KINDS = {name: kind for kind, name in _NAMES.items()}

# Keys of the header, in the order in which they are written. Keys without a value are left out.
_HEADERS = {
    "CALL": ("requestId", "metadata", "query", "contentType"),
    "NESTED_CALL": ("function", "alias", "parent", "metadata"),
    "INIT_FAILED": ("message", "stack"),
    "ERROR": ("code", "message", "stack", "reason"),
    "CREDIT": ("bytes",),
    "LOG": ("level", "time", "open"),
    "RETIRE": ("why",),
}
_FLAGS = (("more", MORE), ("announce", ANNOUNCE), ("streamIn", STREAM_IN), ("streamOut", STREAM_OUT), ("mayStream", MAY_STREAM))
_KIND_FLAGS = {"bytes": 0, "text": TEXT, "json": JSON}
# Frame types whose whole header is the value of one key of the message.
_WHOLE_HEADERS = {"INIT": "init", "READY": "ready", "REPLY_HEAD": "head"}
_WITH_NUMBER = frozenset(
    ("CALL", "NESTED_CALL", "RESULT", "ERROR", "CANCEL", "DATA", "END", "CREDIT", "LOG", "STARTED", "RECALL", "RETURNED", "REPLY_HEAD")
)
_WITH_BODY = frozenset(("CALL", "NESTED_CALL", "RESULT", "DATA"))


def write(message: dict) -> bytes:
    """A message as the bytes of a frame. Raises FrameError when its header is too long."""
    name = message["type"]
    kind = CALL if name == "NESTED_CALL" else _KINDS[name]
    flags = sum(bit for key, bit in _FLAGS if message.get(key)) if name == "CALL" else 0
    if "kind" in message:
        flags = _KIND_FLAGS[message["kind"]]
    if name in _WHOLE_HEADERS:
        header = message[_WHOLE_HEADERS[name]]
    else:
        header = {key: message[key] for key in _HEADERS.get(name, ()) if message.get(key) is not None}
    text = dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8") if header else b""
    body = message["text"].encode("utf-8") if name == "LOG" else message.get("body", b"")
    return encode(kind, flags, message.get("id", 0), message.get("timeoutMs", 0), text, body)


def read(kind: int, flags: int, number: int, timeout_ms: int, header: bytes, body: bytes) -> dict:
    """The fields of a frame as a message. Raises FrameError when they are invalid."""
    name = _NAMES.get(kind)
    if name is None:
        raise FrameError(f"unknown frame type {kind}")
    fields = header_of(header)
    if name == "CALL" and "function" in fields:
        name = "NESTED_CALL"
    message: dict = {"type": name}
    if name in _WITH_NUMBER:
        message["id"] = number
    if name in ("CALL", "NESTED_CALL"):
        message["timeoutMs"] = timeout_ms
    if name == "CALL":
        message.update({key: bool(flags & bit) for key, bit in _FLAGS})
    if name in ("RESULT", "DATA"):
        message["kind"] = {TEXT: "text", JSON: "json"}.get(flags & (TEXT | JSON), "bytes")
    if name in _WHOLE_HEADERS:
        message[_WHOLE_HEADERS[name]] = fields
    else:
        message.update({key: fields[key] for key in _HEADERS.get(name, ()) if key in fields})
    if name in _WITH_BODY:
        message["body"] = body
    if name == "LOG":
        message["text"] = body.decode("utf-8", "replace")
    return message


def header_of(header: bytes) -> dict:
    """The JSON object in a header; an empty one for an empty header. Raises FrameError for anything else."""
    if not header:
        return {}
    try:
        value = loads(header)
    except ValueError:
        raise FrameError("a header is not valid JSON") from None
    if not isinstance(value, dict):
        raise FrameError("a header is not a JSON object")
    return value
