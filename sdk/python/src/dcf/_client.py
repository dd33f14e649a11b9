from __future__ import annotations

import os
import threading
import time
from types import TracebackType
from typing import Callable, Iterable, Iterator, Mapping, Optional, Type, TypeVar, Union

import grpc

from ._address import UnixAddress, parse_address
from ._channel import open_channel
from ._envelope import decode_reply, encode_request, encode_stream_start
from ._errors import DcfError
from ._failure import Failure, classify, message_of, retry_delay
from ._options import DEFAULT_TIMEOUT, Timeout, Tls, read_headers, read_timeout, read_tls
from ._proxy import proxy_for
from ._result import Report, Result, read_report
from ._stream import Chunk, Stream

Input = Union[bytes, bytearray, memoryview, str]
Begun = TypeVar("Begun")


class Client:
    """Calls functions of one daemon over one connection, which is kept. Threads may share a client."""

    def __init__(
        self,
        url: str,
        *,
        token: Optional[str] = None,
        tls: Union[bool, Tls, None] = None,
        timeout: Optional[Timeout] = None,
        max_payload: Optional[int] = None,
    ) -> None:
        """
        :param url: ``localhost:32222``, ``dcf://…``, ``http://…``, with TLS ``https://…``, or a Unix socket, ``unix:/run/dcf/dcf.sock``;
            the default port is 32222
        :param token: sent as ``authorization: Bearer …``. Without TLS everybody on the network path can read it
        :param tls: ``True`` or a ``Tls`` to use TLS, as a URL with ``https://`` does
        :param timeout: of each call with all of its attempts: seconds, or a text such as ``'5s'``. The default is 60 s
        :param max_payload: most bytes of an input or output; by default the client sets no limit
        :raises DcfError: INVALID_ARGUMENT for a bad URL or option
        """
        address = parse_address(url)
        self._shown = address.shown
        self._token = token
        self._timeout = read_timeout(timeout, DEFAULT_TIMEOUT)
        self._max_payload = max_payload
        read_headers(token, None, None, None)
        self._closed = threading.Event()
        self._proxy = None if isinstance(address, UnixAddress) else proxy_for(address.host, address.port, os.environ)
        self._channel = open_channel(address, read_tls(tls, address), max_payload, self._proxy)
        # Without serializers grpcio passes bytes unchanged.
        self._invoke = self._channel.unary_unary("/dcf.v1.Functions/Invoke")
        self._stream = self._channel.stream_stream("/dcf.v1.Functions/Stream")

    def invoke(
        self,
        service: str,
        input: Input = b"",
        *,
        timeout: Optional[Timeout] = None,
        alias: Optional[str] = None,
        request_id: Optional[str] = None,
        metadata: Optional[Mapping[str, str]] = None,
        query: Union[str, Mapping[str, str], None] = None,
        content_type: Optional[str] = None,
        report: bool = True,
        wait_for_ready: bool = False,
    ) -> Result:
        """
        Calls a function.

        A call that was certainly not started is tried again until the timeout: when the daemon says so or refuses the call, when its
        queue is full and it says when to come back, or when there is no connection (for two seconds, unless ``wait_for_ready``).
        A call that may have run is never tried again.

        :param service: the function's name
        :param input: a string is sent as UTF-8
        :param timeout: of this call; the default is that of the client
        :param alias: the alias or revision to call; the default is the active revision
        :param request_id: your own id of the call, for logs; by default the daemon makes one
        :param metadata: for the Handler, which gets the keys in lower case
        :param query: for the Handler, like the query of a URL over HTTP
        :param content_type: the type of the input, for the Handler
        :param report: whether to ask the daemon how the call went. A failed call has a report in any case
        :param wait_for_ready: whether to wait until the timeout for a daemon that cannot be reached
        :raises DcfError: with the code of the daemon or the Handler; the message says whether the call may have run
        """
        begun = time.monotonic()
        limit = read_timeout(timeout, self._timeout)
        headers = read_headers(self._token, alias, request_id, metadata, query, content_type, report)
        request = encode_request(service, self._read_input(input))
        attempts = 0
        while True:
            attempts += 1
            left = limit - (time.monotonic() - begun)
            try:
                message, call = self._attempt(
                    lambda: self._invoke.with_call(
                        request, timeout=max(left, 0.001), metadata=headers, wait_for_ready=wait_for_ready
                    )
                )
            except grpc.RpcError as error:
                self._await_retry(error, limit, begun, attempts, wait_for_ready)
                continue
            return Result(self._read_output(message), _report(call, request_id, begun, attempts))

    def stream(
        self,
        service: str,
        input: Union[Input, Iterable[Chunk]] = b"",
        *,
        timeout: Optional[Timeout] = None,
        alias: Optional[str] = None,
        request_id: Optional[str] = None,
        metadata: Optional[Mapping[str, str]] = None,
        query: Union[str, Mapping[str, str], None] = None,
        content_type: Optional[str] = None,
        report: bool = True,
    ) -> Stream:
        """
        Calls a function whose output comes in chunks: ``for chunk in client.stream("camera", frames)``. It is tried again as
        ``invoke`` is, until a chunk of the input has been taken. Another thread takes the chunks, as fast as the function reads them.

        :param input: an iterable of chunks, each bytes or a string; or bytes or a string that are the whole input
        :param timeout: how long the daemon may take to accept the call, and then how long nothing may move in either direction while the
            caller waits for a chunk; the default is that of the client. As long as chunks move, a stream may go on for ever
        :raises DcfError: as ``invoke`` does, here or while the chunks are read
        """
        begun = time.monotonic()
        limit = read_timeout(timeout, self._timeout)
        headers = read_headers(self._token, alias, request_id, metadata, query, content_type, report)
        attempts = 0

        def begin(requests: Iterator[bytes]) -> grpc.Call:
            nonlocal attempts
            attempts += 1
            return self._attempt(lambda: self._stream(requests, metadata=headers))

        def failed(error: grpc.RpcError, again: bool) -> None:
            self._await_retry(error, limit, begun, attempts, wait_for_ready=False, again=again)

        if isinstance(input, (str, bytes, bytearray, memoryview)):
            first, chunks = encode_stream_start(service, self._read_input(input)), None
        else:
            first, chunks = encode_stream_start(service, None), input

        def report_of(call: grpc.Call) -> Report:
            return _report(call, request_id, begun, attempts)

        return Stream(first, chunks, begin, failed, report_of, self._read_input, limit)

    def close(self) -> None:
        """Closes the connection. Calls that run are cancelled, later ones fail with CANCELLED."""
        self._closed.set()
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _attempt(self, begin: Callable[[], Begun]) -> Begun:
        if self._closed.is_set():
            raise _closed()
        try:
            return begin()
        except ValueError as error:
            # grpcio raises this when another thread has closed the channel meanwhile.
            if not self._closed.is_set():
                raise
            raise _closed() from error

    def _await_retry(
        self, error: grpc.RpcError, limit: float, begun: float, attempts: int, wait_for_ready: bool, again: bool = True
    ) -> None:
        """Returns when it is time for another attempt. Raises the error of the call if there must be none."""
        failure = classify(error)
        elapsed = time.monotonic() - begun
        delay = retry_delay(failure, attempts, elapsed, wait_for_ready) if again else None
        if self._closed.is_set() or delay is None or elapsed + delay >= limit:
            raise self._error(failure, limit, elapsed * 1000, attempts) from error
        self._closed.wait(delay)

    def _error(self, failure: Failure, limit: float, total_ms: float, attempts: int) -> DcfError:
        if self._closed.is_set() and failure.code == "CANCELLED":
            return _closed()
        return DcfError(
            failure.code,
            message_of(failure, self._shown, limit, self._proxy),
            failure.reason,
            retry_after=failure.pushback if failure.pushback is not None and failure.pushback >= 0 else None,
            report=read_report(failure.report, failure.request_id, total_ms, attempts),
        )

    def _read_input(self, given: Input) -> Union[bytes, bytearray, memoryview]:
        data = given.encode("utf-8") if isinstance(given, str) else given
        if isinstance(data, memoryview):
            data = data.cast("B") if data.contiguous else data.tobytes()
        elif not isinstance(data, (bytes, bytearray)):
            raise DcfError("INVALID_ARGUMENT", f"the input must be bytes or str, not {type(given).__name__}")
        if self._max_payload is not None and len(data) > self._max_payload:
            raise DcfError("RESOURCE_EXHAUSTED", f"the input has {len(data)} bytes, but the client's max_payload is {self._max_payload}")
        return data

    def _read_output(self, message: bytes) -> bytes:
        try:
            output = decode_reply(message)
        except ValueError as error:
            raise DcfError("INTERNAL", f"the daemon's reply cannot be read: {error}") from error
        if self._max_payload is not None and len(output) > self._max_payload:
            raise DcfError("RESOURCE_EXHAUSTED", f"the output has {len(output)} bytes, but the client's max_payload is {self._max_payload}")
        return output


def _report(call: grpc.Call, request_id: Optional[str], begun: float, attempts: int) -> Report:
    trailers = dict(call.trailing_metadata() or ())
    total_ms = (time.monotonic() - begun) * 1000
    return read_report(trailers.get("dcf-report"), trailers.get("dcf-request-id", request_id), total_ms, attempts)


def _closed() -> DcfError:
    return DcfError("CANCELLED", "the client was closed")
