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

#: Begins an attempt with these requests. Raises DcfError once the client is closed.
Begin = Callable[[Iterator[bytes]], grpc.Call]
#: What a failed attempt comes to: returns when another may be made, and raises otherwise.
Failed = Callable[[grpc.RpcError, bool], None]


#: A server whose headers a proxy has emptied counts as one that has accepted the call after so many seconds without a status.
_STATUS_GRACE = 1.0


class _Gate:
    """Holds the input back until it is known whether the daemon has accepted the call."""

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
    Waits for the daemon's word, until the call is cancelled at the latest. It sends headers of its own when it accepts a call;
    those of a refusal come with the status, and grpcio may tell of their absence a moment before it tells the status.
    """
    ended = threading.Event()
    if call.initial_metadata():
        return True
    if not call.add_callback(ended.set):
        return False
    return not ended.wait(_STATUS_GRACE)


class Stream:
    """
    The chunks of an output, as they come. A reader who is slow holds up the function. Leaving a ``with`` block, or ``close``,
    gives the call up.
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
        #: A chunk of the input was taken, or one of the output came: there is no other try then.
        self._begun = False
        self._received: List[bytes] = []
        self._report: Optional[Report] = None
        self._timeout = timeout
        self._idle = IdleTimer(timeout, self._cancel)
        self._call: grpc.Call
        self._open()

    @property
    def report(self) -> Optional[Report]:
        """How the call went, once all of the output has been read; None before."""
        return self._report

    def close(self) -> None:
        """Gives the call up, unless it has ended."""
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
        """Makes an attempt, and waits until the daemon has accepted or refused it: only then a chunk of the input is taken."""
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
        """The next message; None when the attempt has failed and another is to be made."""
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
        """Raises what this side has ended the call for."""
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
