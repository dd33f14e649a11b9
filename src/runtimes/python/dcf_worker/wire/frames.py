"""The frame of the worker protocol, version 1 (docs/worker-protocol.md): a fixed head, a JSON header, a raw body."""

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
    """A frame that breaks the rules. Nobody knows where the next one begins."""


def encode(kind: int, flags: int, number: int, timeout_ms: int, header: bytes = b"", body: bytes = b"") -> bytes:
    """Raises FrameError when the header is too long."""
    if len(header) > MAX_HEADER_LENGTH:
        raise FrameError(f"a header of {len(header)} bytes is over the limit of {MAX_HEADER_LENGTH}")
    return HEAD.pack(len(body), len(header), kind, flags, number, timeout_ms) + header + body


class FrameReader:
    """Cuts the byte stream of a descriptor into frames.

    `take` gets the fields of each: type, flags, id, timeoutMs, header, body.
    """

    def __init__(self, descriptor: int, take) -> None:
        self.take = take
        self._descriptor = descriptor
        self._rest = b""

    def receive(self) -> bool:
        """Reads once, and waits for that if it has to; False when the stream is over.

        Raises FrameError when it ends inside a frame.
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
        """Reads the rest of a long body straight to its place, without a copy."""
        # The memory of a BytesIO becomes the bytes that getvalue() gives, as long as it is full.
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
