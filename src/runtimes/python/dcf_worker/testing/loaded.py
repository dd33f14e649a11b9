"""load_function, and the function that it returns."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json import dumps
from math import ceil
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

from ..context import drop_context
from ..errors import DcfError, describe, utf8
from .answer import Answer
from .local_worker import LocalWorker
from .manifest import place_of, read_manifest, resources_of, seconds_of, size_of
from .peer import FakeFunction, OpenCall, Peer
from .process_state import ProcessState

#: Seconds that a Handler may take to finish its calls and its close().
_CLOSE_TIMEOUT = 10.0


def load_function(
    source: Any,
    *,
    parameters: Mapping[str, Any] | None = None,
    resources: Mapping[str, str | os.PathLike[str]] | None = None,
    functions: Mapping[str, FakeFunction] | None = None,
    environment: Mapping[str, str] | None = None,
    providers: Sequence[str] = ("cpu",),
    concurrency: int | None = None,
    max_batch: int | None = None,
) -> LoadedFunction:
    """Builds a function as a worker does.

    source: the folder of a function, or its Handler itself: a class or a function.
    parameters, resources, environment: each entry replaces the one of the same name in function.yaml. Relative paths of resources start
    at the function's folder.
    functions: take the place of the functions that it calls, by name. A call to any other fails with NOT_FOUND.
    providers: the value of `context.providers`. concurrency, max_batch: replace those of function.yaml, whose default is 1.
    Raises DcfError FAILED_PRECONDITION when the Handler cannot be built: what the function raised is its `__cause__`. Raises DcfError
    INVALID_ARGUMENT for a folder without a valid function.yaml, or a resource that is not there.
    """
    folder = Path(source).resolve() if isinstance(source, (str, os.PathLike)) else None
    manifest: dict[str, Any] = {} if folder is None else read_manifest(folder)
    name = manifest.get("name") or getattr(source, "__name__", "function")
    init: dict[str, Any] = {
        "function": name,
        "revision": "test",
        "worker": 0,
        "directory": str(folder or Path.cwd()),
        "handler": place_of(manifest.get("handler"), "Handler") if folder is not None else {"path": "the test", "name": name},
        "parameters": {**(manifest.get("parameters") or {}), **(parameters or {})},
        "resources": resources_of(manifest, {key: str(path) for key, path in (resources or {}).items()}, folder or Path.cwd()),
        "providers": list(providers),
        "devices": [],
        "concurrency": concurrency or manifest.get("concurrency") or 1,
        "maxBatch": max_batch or (manifest.get("batch") or {}).get("maxSize") or 1,
        "maxPayload": size_of((manifest.get("limits") or {}).get("payload") or "64MiB"),
    }
    if manifest.get("initializer") is not None:
        init["initializer"] = place_of(manifest["initializer"], "initializer")
    variables = {**(manifest.get("environment") or {}), **(environment or {})}
    return LoadedFunction(init, None if folder is not None else source, variables, functions or {}, seconds_of(manifest.get("timeout") or "30s"))


class LoadedFunction:
    """A function that can be called from any thread, as through a daemon. Leaving a `with` block closes it."""

    def __init__(
        self, init: dict[str, Any], given: Any, environment: Mapping[str, Any], functions: Mapping[str, FakeFunction], timeout: float
    ) -> None:
        self._init = init
        self._timeout = timeout
        self._slots = threading.Semaphore(init["concurrency"])
        self._closed = False
        self._process = ProcessState(init["directory"] if given is None else None, environment)
        ours, theirs = socket.socketpair()
        self._ends = (ours, theirs)
        self._peer = Peer(ours, functions)
        self._worker = LocalWorker(theirs, init, given)
        self._worker.start()
        self._peer.ready.wait()
        failure = self._worker.failure
        if failure is not None:
            self._end()
            raise DcfError("FAILED_PRECONDITION", f"the Handler could not be built: {describe(failure)[0]}") from failure

    def call(
        self,
        input: Any = b"",
        *,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
        request_id: str | None = None,
        query: str | None = None,
        content_type: str | None = None,
    ) -> Answer:
        """Calls the function.

        input: bytes, a string, which is sent as UTF-8, or another value, which is sent as JSON.
        timeout: seconds; by default that of function.yaml. request_id: by default `test-` and a number.
        Raises the DcfError that a caller gets. What the Handler raised is its `__cause__`.
        """
        fields = {"metadata": metadata, "requestId": request_id, "query": query, "contentType": content_type}
        with self._slots:
            return self._answer(*self._begin([self._checked(input)], timeout, fields)[0])

    def call_batch(self, inputs: Iterable[Any], *, metadata: Mapping[str, str] | None = None, timeout: float | None = None) -> list[Answer | DcfError]:
        """Calls the function once for each input: together, in one batch, if `batch.maxSize` allows batches, else one after the other.

        Returns an answer, or the error, for each input.
        """
        bodies = [self._checked(input) for input in inputs]
        if len(bodies) > self._init["maxBatch"] > 1:
            raise DcfError("INVALID_ARGUMENT", f"call_batch got {len(bodies)} inputs, but batch.maxSize is {self._init['maxBatch']}")
        with self._slots:
            begun = self._begin(bodies, timeout, {"metadata": metadata})
            return [self._tried(call, until) for call, until in begun]

    def stream(
        self,
        input: bytes | str | Iterable[bytes | str] = b"",
        *,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
        request_id: str | None = None,
    ) -> Iterator[bytes]:
        """Makes a streamed call, and yields the chunks of the output as they come.

        input: bytes or a string that are the whole input, or an iterable of chunks.
        timeout: seconds within which the next chunk, or the end, has to come. Raises what `call` raises.
        """
        whole = isinstance(input, (bytes, bytearray, memoryview, str))
        patience = self._timeout if timeout is None else timeout
        with self._slots:
            self._require_open()
            call = self._peer.open()
            fields = {"metadata": metadata, "requestId": request_id or f"test-{call.number}", "streamIn": not whole, "streamOut": True}
            self._peer.send({"type": "CALL", "id": call.number, "body": self._checked(input) if whole else b"", **fields})
            failed: list[BaseException] = []
            if not whole:
                threading.Thread(target=self._feed, args=(call, input, failed), name="dcf-input", daemon=True).start()
            done = False
            try:
                while True:
                    message = self._next(call, monotonic() + patience)
                    if message["type"] in ("DATA", "RESULT"):
                        if message["type"] == "DATA" or message["body"]:
                            yield message["body"]
                        self._peer.send({"type": "CREDIT", "id": call.number, "bytes": len(message["body"]) + 16})
                    done = message["type"] in ("RESULT", "END", "ERROR")
                    if message["type"] == "ERROR":
                        raise failed[0] if failed else self._error(call, message)
                    if done:
                        return
            finally:
                if not done:
                    self._peer.send({"type": "CANCEL", "id": call.number})
                self._peer.close(call)

    def close(self) -> None:
        """Calls the Handler's close(), and removes the function's modules, import paths and variables from this process.

        Raises what the Handler's close() raises; DcfError DEADLINE_EXCEEDED when the Handler does not end within 10 s.
        """
        if self._closed:
            return
        self._peer.send({"type": "DRAIN"})
        self._peer.shut()
        ended = self._worker.join(_CLOSE_TIMEOUT)
        self._end()
        if self._worker.failure is not None:
            raise self._worker.failure
        if not ended:
            raise DcfError("DEADLINE_EXCEEDED", f"the Handler did not end within {_CLOSE_TIMEOUT:g} s")

    def __enter__(self) -> LoadedFunction:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, bodies: list[bytes], timeout: float | None, fields: dict[str, Any]) -> list[tuple[OpenCall, float]]:
        self._require_open()
        seconds = self._timeout if timeout is None else timeout
        # Computed before the worker starts to count, so that its own answer to a deadline comes too late.
        until = monotonic() + seconds
        calls = [self._peer.open() for _ in bodies]
        batched = self._init["maxBatch"] > 1
        messages = []
        for call, body in zip(calls, bodies):
            request_id = fields.get("requestId") or f"test-{call.number}"
            more = batched and call is not calls[-1]
            limits = {"timeoutMs": max(1, ceil(seconds * 1000)), "more": more, "body": body}
            messages.append({"type": "CALL", "id": call.number, **fields, "requestId": request_id, **limits})
        self._peer.send(*messages)
        return [(call, until) for call in calls]

    def _answer(self, call: OpenCall, until: float) -> Answer:
        status, headers = 200, []
        try:
            while True:
                message = self._next(call, until)
                if message["type"] == "REPLY_HEAD":
                    status = message["head"]["status"]
                    headers = [(name, value) for name, value in message["head"]["headers"]]
                elif message["type"] == "RESULT":
                    return Answer(message["body"], message["kind"], status, headers)
                elif message["type"] == "ERROR":
                    raise self._error(call, message)
        finally:
            self._peer.close(call)

    def _tried(self, call: OpenCall, until: float) -> Answer | DcfError:
        try:
            return self._answer(call, until)
        except DcfError as error:
            return error

    def _next(self, call: OpenCall, until: float) -> dict[str, Any]:
        try:
            message = call.messages.get(timeout=max(0.0, until - monotonic()))
            late = monotonic() >= until
        except Empty:
            late = True
        if late:
            self._peer.send({"type": "CANCEL", "id": call.number})
            raise DcfError("DEADLINE_EXCEEDED", "the deadline passed in the Handler")
        if message is None:
            raise DcfError("INTERNAL", "the worker has ended")
        return message

    def _error(self, call: OpenCall, message: dict[str, Any]) -> DcfError:
        error = DcfError(message["code"], message.get("message", ""), message.get("reason"))
        error.__cause__ = self._worker.errors.pop(call.number, None)
        return error

    def _feed(self, call: OpenCall, chunks: Iterable[bytes | str], failed: list[BaseException]) -> None:
        try:
            for chunk in chunks:
                body = self._checked(chunk)
                if not call.may_send(len(body)):
                    return
                self._peer.send({"type": "DATA", "id": call.number, "body": body})
            self._peer.send({"type": "END", "id": call.number})
        except BaseException as error:
            # The test sees what its own chunks raise; for the Handler the caller gave up.
            failed.append(error)
            self._peer.send({"type": "CANCEL", "id": call.number})

    def _checked(self, input: Any) -> bytes:
        if isinstance(input, (bytes, bytearray, memoryview)):
            body = bytes(input)
        else:
            body = utf8(input if isinstance(input, str) else dumps(input, ensure_ascii=False))
        limit = self._init["maxPayload"]
        if len(body) > limit:
            raise DcfError("RESOURCE_EXHAUSTED", f"the input has {len(body)} bytes; limits.payload is {limit}")
        return body

    def _require_open(self) -> None:
        if self._closed:
            raise DcfError("FAILED_PRECONDITION", f"the function {self._init['function']} was closed")

    def _end(self) -> None:
        self._closed = True
        self._process.restore()
        drop_context(self._worker.context)
        if self._worker.join(_CLOSE_TIMEOUT):
            # A thread that still reads would read from whatever gets the number of this descriptor next.
            self._peer.join()
            for end in self._ends:
                end.close()
