from __future__ import annotations

import threading
from types import TracebackType
from typing import Callable, Iterable, Iterator, List, Optional, Type, Union

import grpc

from ._envelope import STREAM_END, decode_chunks, encode_chunk
from ._errors import DcfError
from ._idle import IdleTimer
from ._result import Report

Chunk = Union[bytes, bytearray, memoryview, str]

#: Begins an attempt that sends these messages. Raises DcfError CANCELLED once the client is closed.
Begin = Callable[[Iterator[bytes]], grpc.Call]
#: Handles a failed attempt: returns when there may be another, and raises otherwise.
Failed = Callable[[grpc.RpcError, bool], None]

#: Seconds. If a proxy removes the server's headers, a call without a status after this time counts as accepted.
_STATUS_GRACE = 1.0


class _Gate:
    """Delays the input until it is known whether the daemon has accepted the call."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._accepted = False

    def decide(self, accepted: bool) -> None:
        self._accepted = accepted
        self._known.set()

    def accepted(self) -> bool:
        self._known.wait()
        return self._accepted


def _is_accepted(call: grpc.Call) -> bool:
    """
    Waits until the daemon has accepted or refused the call, or the call is cancelled. The daemon sends headers when it accepts a call;
    a refusal has only a status, and grpcio may report that there are no headers a moment before it reports the status.
    """
    ended = threading.Event()
    if call.initial_metadata():
        return True
    if not call.add_callback(ended.set):
        return False
    return not ended.wait(_STATUS_GRACE)


class Stream:
    """
    The chunks of an output, as they come. A slow reader slows the function down. ``close``, or leaving a ``with`` block, cancels the
    call if it has not ended.
    """

    def __init__(
        self,
        first: bytes,
        chunks: Optional[Iterable[Chunk]],
        begin: Begin,
        failed: Failed,
        report_of: Callable[[grpc.Call], Report],
        read_input: Callable[[Chunk], Union[bytes, bytearray, memoryview]],
        timeout: float,
    ) -> None:
        self._first = first
        self._chunks = None if chunks is None else iter(chunks)
        self._begin = begin
        self._failed = failed
        self._report_of = report_of
        self._read_input = read_input
        self._fault: Optional[Exception] = None
        #: Whether a chunk of the input was taken, or one of the output came. There is no other attempt then.
        self._begun = False
        self._received: List[bytes] = []
        self._report: Optional[Report] = None
        self._timeout = timeout
        self._idle = IdleTimer(timeout, self._cancel)
        self._call: grpc.Call
        self._open()

    @property
    def report(self) -> Optional[Report]:
        """How the call went, once the whole output has been read; None before."""
        return self._report

    def close(self) -> None:
        """Cancels the call, unless it has ended."""
        self._idle.stop()
        self._cancel()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._received:
            message = self._receive()
            if message is None:
                self._open()
                continue
            self._begun = True
            self._received = decode_chunks(message)
            self._received.reverse()
        return self._received.pop()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _cancel(self) -> None:
        self._call.cancel()

    def _open(self) -> None:
        """Begins an attempt, and waits until the daemon has accepted or refused it. Chunks of the input are taken only then."""
        gate = _Gate()
        accepted = False
        try:
            self._call = self._begin(self._requests(gate))
            self._idle.wait()
            accepted = _is_accepted(self._call)
        finally:
            self._idle.pause()
            gate.decide(accepted)

    def _receive(self) -> Optional[bytes]:
        """The next message; None when the attempt failed and there is to be another."""
        self._idle.wait()
        try:
            return next(self._call)
        except StopIteration:
            self._idle.stop()
            if self._report is None:
                self._report = self._report_of(self._call)
            raise
        except grpc.RpcError as error:
            self._raise_fault(error)
            self._failed(error, not self._begun)
            return None
        finally:
            self._idle.pause()

    def _raise_fault(self, error: grpc.RpcError) -> None:
        """Raises the error for which this side has ended the call, if it has."""
        if self._fault is not None:
            raise self._fault from None
        if self._idle.passed:
            raise DcfError(
                "DEADLINE_EXCEEDED", f"nothing moved on the stream for {self._timeout:g} s, its timeout"
            ) from error

    def _requests(self, gate: _Gate) -> Iterator[bytes]:
        yield self._first
        if self._chunks is None or not gate.accepted():
            return
        try:
            for chunk in self._chunks:
                self._begun = True
                self._idle.touch()
                yield encode_chunk(self._read_input(chunk))
            yield STREAM_END
        except Exception as error:
            # grpcio would only say that the iterator failed.
            self._fault = error
            raise
