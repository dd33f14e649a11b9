"""The daemon's end of a worker's stream, in a test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

from ..errors import DcfError, code_and_reason, message_of
from ..wire.frames import FrameReader
from ..wire.messages import CHUNK_COST, INITIAL_CREDIT, read, write

#: Takes the place of another function: gets its input, and returns its output or raises.
FakeFunction = Callable[[bytes], "bytes | str"]


class OpenCall:
    """A call that has not ended."""

    def __init__(self, number: int) -> None:
        self.number = number
        #: Messages of the worker for this call; `None` at the end of the stream.
        self.messages: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._credit = INITIAL_CREDIT
        self._ended = False
        self._changed = threading.Condition()

    def add_credit(self, count: int) -> None:
        """Allows that many more bytes to be sent."""
        with self._changed:
            self._credit += count
            self._changed.notify_all()

    def end(self) -> None:
        """Ends the input: no more chunks are sent."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def may_send(self, length: int) -> bool:
        """Waits until a chunk of `length` bytes may be sent. Returns `False` when the call has ended."""
        with self._changed:
            while self._credit <= 0 and not self._ended:
                self._changed.wait()
            self._credit -= length + CHUNK_COST
            return not self._ended


class Peer:
    """Sends messages to the worker, and distributes its messages to the open calls."""

    def __init__(self, end: socket.socket, functions: Mapping[str, FakeFunction]) -> None:
        self.ready = threading.Event()
        self._end = end
        self._functions = functions
        self._lock = threading.Lock()
        self._calls: dict[int, OpenCall] = {}
        self._last = 0
        self._over = False
        self._reader = FrameReader(end.fileno(), self._take)
        self._thread = threading.Thread(target=self._read, name="dcf-peer", daemon=True)
        self._thread.start()

    def open(self) -> OpenCall:
        """Opens a call with the next number."""
        with self._lock:
            self._last += 1
            call = OpenCall(self._last)
            self._calls[call.number] = call
            if self._over:
                call.messages.put(None)
            return call

    def close(self, call: OpenCall) -> None:
        """Drops the messages that still come for a call."""
        self._calls.pop(call.number, None)
        call.end()

    def send(self, *messages: dict[str, Any]) -> None:
        """Sends messages in one write."""
        frames = b"".join(write(message) for message in messages)
        with self._lock:
            try:
                self._end.sendall(frames)
            except OSError:
                # Threads that wait get the end of the stream.
                pass

    def shut(self) -> None:
        """Ends this side of the stream."""
        try:
            self._end.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def join(self) -> None:
        """Waits until the stream was read to its end, which the worker has to have closed."""
        self._thread.join()

    def _read(self) -> None:
        try:
            while self._reader.receive():
                pass
        except Exception:
            # The worker was ended in the middle of a frame.
            pass
        with self._lock:
            self._over = True
            calls = list(self._calls.values())
        for call in calls:
            call.messages.put(None)
        self.ready.set()

    def _take(self, kind: int, flags: int, number: int, timeout_ms: int, header: bytes, body: bytes) -> None:
        message = read(kind, flags, number, timeout_ms, header, body)
        name = message["type"]
        if name == "READY":
            self.ready.set()
        elif name == "NESTED_CALL":
            threading.Thread(target=self._answer, args=(message,), name=f"dcf-{message['function']}", daemon=True).start()
        elif name in ("RESULT", "ERROR", "DATA", "END", "REPLY_HEAD", "CREDIT"):
            call = self._calls.get(number)
            if call is None:
                return
            call.add_credit(message["bytes"]) if name == "CREDIT" else call.messages.put(message)

    def _answer(self, message: dict[str, Any]) -> None:
        """Calls the test's replacement for another function, and sends its answer."""
        name = message["function"]
        try:
            fake = self._functions.get(name)
            if fake is None:
                raise DcfError("NOT_FOUND", f"there is no function {name}: give load_function one, functions={{'{name}': …}}")
            output = fake(message["body"])
            body = output.encode("utf-8") if isinstance(output, str) else bytes(output)
        except Exception as error:
            code, reason = code_and_reason(error)
            text = f"{name}: {message_of(error)}"
            self.send({"type": "ERROR", "id": message["id"], "code": code, "message": text, "stack": "", "reason": reason})
        else:
            self.send({"type": "RESULT", "id": message["id"], "body": body})
