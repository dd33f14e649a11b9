"""The worker's end of its stream."""

from __future__ import annotations

import os
import threading
from collections import deque

from .frames import FrameReader

_GATHERED_LENGTH = 16 * 1024


class Link:
    """Reads and writes frames. Writes block, but never for long: the daemon reads all the time."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, True)
        # A program that the function starts would keep the stream open.
        os.set_inheritable(descriptor, False)
        self.descriptor = descriptor
        #: Whether the stream has ended or is broken; `problem` is the exception that broke it.
        self.ended = False
        #: Whether this is a process that the function has forked: the stream belongs to its parent.
        self.abandoned = False
        self.problem: Exception | None = None
        #: Whether threads that wait take turns in reading. False when one thread reads all the time.
        self.turns = True
        #: Id of the event loop's thread when that one reads all the time: it may read inside `wait`, too.
        self.reader: int | None = None
        #: Whether an event loop reads while it runs a coroutine of the Handler.
        self.fed = False
        self._reader = FrameReader(descriptor, lambda *_frame: None)
        self._poll = None
        self._begin()

    def _begin(self) -> None:
        self._reading = threading.Lock()
        # A signal handler of the function may interrupt a write and print: with a plain lock its thread would wait for itself.
        self._writing = threading.RLock()
        #: Whether a thread writes. What a signal handler in this thread sends is queued, and written next: a frame stays whole.
        self._busy = False
        self._changed = threading.Condition(threading.Lock())
        self._waiting = 0
        self._outgoing: deque = deque()

    def abandon(self) -> None:
        """Ends reading and writing in a forked child, whatever other threads of the parent were doing."""
        self._begin()
        self.ended = True
        self.abandoned = True
        self._write = _write_nothing
        descriptor = self.descriptor
        self.descriptor = -1
        try:
            os.close(descriptor)
        except OSError:
            # The function has closed it already, or this is a child of a child.
            pass

    def deliver_to(self, take) -> None:
        """Calls `take` with each frame from now on, in the thread that has read it."""
        self._reader.take = take

    def receive(self) -> None:
        """Reads once, and waits until there is something to read."""
        with self._reading:
            self._read()
        self._tell()

    def wait(self, ready) -> None:
        """Waits until `ready()` is true or the stream has ended."""
        while not ready() and not self.ended:
            if (self.turns or self.reader == threading.get_ident()) and self._reading.acquire(False):
                try:
                    # Another thread may have read it meanwhile.
                    if not ready():
                        self._read()
                finally:
                    self._reading.release()
                self._tell()
            else:
                self._follow(ready)

    def poll(self, timeout_ms: int = 0) -> None:
        """Reads what has arrived; waits for it up to `timeout_ms`. Does nothing while another thread reads."""
        if not self._reading.acquire(False):
            return
        try:
            while not self.ended and self._readable(timeout_ms):
                self._read()
                timeout_ms = 0
        finally:
            self._reading.release()
        self._tell()

    def send(self, data: bytes, body=b"") -> None:
        """Writes all of `data`, and `body` behind it: a long one is not copied. On a closed stream both are dropped."""
        if body and len(body) <= _GATHERED_LENGTH:
            data = b"".join((data, body))
            body = b""
        with self._writing:
            if self._busy:
                self._outgoing.append((data, body))
                return
            self._busy = True
            try:
                self._write(data)
                if body:
                    self._write(body)
            finally:
                self._busy = False
        self._write_left()

    def send_soon(self, head: bytes, body) -> None:
        """Writes for threads that finish at the same time: the one that writes also writes what the others have queued."""
        self._outgoing.append((head, body))
        self._write_left()

    def _write_left(self) -> None:
        """Writes what has been queued meanwhile. Every writer does this last, so nothing stays in the queue."""
        while self._outgoing and not self._busy and self._writing.acquire(False):
            self._busy = True
            try:
                self._write_gathered()
            finally:
                self._busy = False
                self._writing.release()

    def _write_gathered(self) -> None:
        small: list = []
        while self._outgoing:
            head, body = self._outgoing.popleft()
            small.append(head)
            if len(body) <= _GATHERED_LENGTH:
                small.append(body)
                continue
            self._write(b"".join(small))
            self._write(body)
            small.clear()
        if small:
            self._write(b"".join(small))

    def _write(self, data) -> None:
        try:
            count = os.write(self.descriptor, data)
            if count < len(data):
                view = memoryview(data)
                while count < len(view):
                    count += os.write(self.descriptor, view[count:])
        except (BrokenPipeError, ConnectionResetError):
            # The next read finds the end of the stream.
            pass

    def _read(self) -> None:
        try:
            if not self._reader.receive():
                self.ended = True
        except Exception as error:
            self.problem = error
            self.ended = True

    def _readable(self, timeout_ms: int) -> bool:
        if self._poll is None:
            import select

            self._poll = select.poll()
            self._poll.register(self.descriptor, select.POLLIN)
        return bool(self._poll.poll(timeout_ms))

    def _tell(self) -> None:
        if self._waiting > 0:
            with self._changed:
                self._changed.notify_all()

    def _follow(self, ready) -> None:
        with self._changed:
            self._waiting += 1
            try:
                # The thread that reads looks for waiting threads after it has released the lock, so none is missed.
                if not ready() and not self.ended and (self._reading.locked() or not self.turns):
                    self._changed.wait()
            finally:
                self._waiting -= 1


def _write_nothing(_data) -> None:
    pass
