"""The messages of a call: ``{1: string function, 2: bytes input}`` and ``{1: bytes output}``, and those of a stream, ``{1: string
function, 2: repeated bytes chunks, 3: bytes input, 4: bool last}`` and ``{1: repeated bytes chunks}``.

Written by hand as the daemon does it: so a payload is copied once, and the generated code of some version of protobuf, which
has to fit the one that the caller has installed, is not needed. The format: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple, Union

_FIRST = b"\x0a"
_SECOND = b"\x12"
_THIRD = b"\x1a"
_NOT_LAST = b"\x20\x00"

#: The message that ends an input in chunks.
STREAM_END = b"\x20\x01"

Bytes = Union[bytes, bytearray, memoryview]


def encode_request(function: str, data: Bytes) -> bytes:
    """The message of a call that is not streamed."""
    name = function.encode("utf-8")
    return b"".join((_FIRST, _varint(len(name)), name, _SECOND, _varint(len(data)), data))


def encode_stream_start(function: str, data: Optional[Bytes]) -> bytes:
    """The first message of a stream. ``data`` is the whole input; None when it follows in chunks, after which STREAM_END has to be sent."""
    name = function.encode("utf-8")
    parts = (_FIRST, _varint(len(name)), name)
    return b"".join((*parts, _NOT_LAST) if data is None else (*parts, _THIRD, _varint(len(data)), data))


def encode_chunk(data: Bytes) -> bytes:
    """The message of one chunk of a stream's input."""
    return b"".join((_SECOND, _varint(len(data)), data))


def decode_chunks(message: bytes) -> List[bytes]:
    """The chunks in a message of a stream. Raises ValueError for an invalid message."""
    return list(_first_fields(message))


def decode_reply(message: bytes) -> bytes:
    """The output in a reply. Unknown fields are skipped. Raises ValueError for an invalid message."""
    output = b""
    for output in _first_fields(message):
        pass
    return output


def _first_fields(message: bytes) -> Iterator[bytes]:
    """The value of each field with the number 1, which are bytes."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        if tag < 8:
            raise ValueError("field number 0 is not allowed")
        kind = tag & 7
        if kind == 0:
            _, at = _read_varint(message, at)
        elif kind == 2:
            length, at = _read_varint(message, at)
            if at + length > len(message):
                raise ValueError("a field is longer than the message")
            if tag == 10:
                yield message[at : at + length]
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind} is not known")
    if at > len(message):
        raise ValueError("a field is longer than the message")


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _read_varint(message: bytes, at: int) -> Tuple[int, int]:
    number = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise ValueError("a number is longer than ten bytes, or the message ends inside it")
