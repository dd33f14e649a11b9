"""Frames of the worker protocol, version 1 (docs/worker-protocol.md): a head of 16 bytes, a JSON header, a body of any bytes."""

from __future__ import annotations

import os
from io import BytesIO
from struct import Struct

# bodyLength, headerLength, type, flags, id, timeoutMs
HEAD = Struct("<IHBBII")
HEAD_LENGTH = 16
MAX_HEADER_LENGTH = 0xFFFF

_READ_LENGTH = 64 * 1024


class FrameError(Exception):
    """Raised for an invalid frame. Where the next frame begins is unknown then, so the stream cannot go on."""


def encode(kind: int, flags: int, number: int, timeout_ms: int, header: bytes = b"", body: bytes = b"") -> bytes:
    """A frame as bytes. Raises FrameError for a header of more than 65,535 bytes."""
    if len(header) > MAX_HEADER_LENGTH:
        raise FrameError(f"a header has {len(header)} bytes; at most {MAX_HEADER_LENGTH} are allowed")
    return HEAD.pack(len(body), len(header), kind, flags, number, timeout_ms) + header + body


class FrameReader:
    """Reads frames from a descriptor.

    `take` is called with the fields of each frame: type, flags, id, timeoutMs, header, body.
    """

    def __init__(self, descriptor: int, take) -> None:
        self.take = take
        self._descriptor = descriptor
        self._rest = b""

    def receive(self) -> bool:
        """Reads once, and waits until there is something to read. Returns False at the end of the stream.

        Raises FrameError when the stream ends inside a frame.
        """
        try:
            data = os.read(self._descriptor, _READ_LENGTH)
        except ConnectionResetError:
            return False
        if not data:
            if self._rest:
                raise FrameError("the stream ended inside a frame")
            return False
        if self._rest:
            data = self._rest + data
            self._rest = b""
        at = 0
        end = len(data)
        while end - at >= HEAD_LENGTH:
            body_length, header_length, kind, flags, number, timeout_ms = HEAD.unpack_from(data, at)
            begin = at + HEAD_LENGTH
            body_at = begin + header_length
            after = body_at + body_length
            if after > end:
                if body_at > end or after - end < _READ_LENGTH:
                    break
                body = self._read_long(data[body_at:], body_length)
                self.take(kind, flags, number, timeout_ms, data[begin:body_at], body)
                return True
            self.take(kind, flags, number, timeout_ms, data[begin:body_at], data[body_at:after])
            at = after
        self._rest = data[at:]
        return True

    def _read_long(self, first: bytes, length: int) -> bytes:
        """Reads the rest of a long body into the memory that it is returned in, without a copy."""
        # getvalue() returns the memory of a full BytesIO itself, not a copy.
        place = BytesIO(bytes(length))
        with place.getbuffer() as view:
            filled = len(first)
            view[:filled] = first
            while filled < length:
                count = os.readv(self._descriptor, [view[filled:]])
                if count == 0:
                    raise FrameError("the stream ended inside a frame")
                filled += count
        return place.getvalue()
