"""Both directions of a streamed call."""

from __future__ import annotations

from collections import deque

from ..errors import DcfError
from ..wire.frames import HEAD
from ..wire.messages import CHUNK_COST, DATA, INITIAL_CREDIT, write

# Bytes that are taken before credit is given back: a CREDIT for every small chunk would cost as much as the chunk.
_CREDIT_STEP = 64 * 1024


def cancelled() -> DcfError:
    """The error of a call that was cancelled."""
    return DcfError("CANCELLED", "the caller gave up or the deadline passed")


class Waiter:
    """Lets a coroutine wait for messages of the stream, in any event loop and thread."""

    __slots__ = ("_future", "_link")

    def __init__(self, link) -> None:
        self._future = None
        self._link = link

    def wake(self) -> None:
        """Ends the wait. Call it after the state that the coroutine waits for has changed."""
        future = self._future
        if future is None:
            return
        import asyncio

        loop = future.get_loop()
        if asyncio._get_running_loop() is loop:
            _resolve(future)
        else:
            try:
                loop.call_soon_threadsafe(_resolve, future)
            except RuntimeError:
                # The loop was closed meanwhile.
                pass

    async def wait(self, ready) -> None:
        """Waits until `wake` is called; returns at once if `ready()` is true."""
        if self._link.turns and not self._link.fed:
            # The function runs its own loop in the only thread, so no other thread reads.
            self._link.wait(ready)
            return
        import asyncio

        future = self._future = asyncio.get_running_loop().create_future()
        try:
            # Another thread may have called `wake` before the future was there.
            if not ready():
                await future
        finally:
            self._future = None


def _resolve(future) -> None:
    if not future.done():
        future.set_result(None)


class Incoming:
    """The chunks of a streamed input, for `for` and `async for`."""

    def __init__(self, request, link) -> None:
        self._request = request
        self._link = link
        self._chunks: deque[bytes] = deque()
        self._owed = 0
        self._ended = False
        self._waiter = Waiter(link)

    def feed(self, chunk: bytes) -> None:
        """Adds a chunk that has come."""
        self._chunks.append(chunk)
        self._waiter.wake()

    def end(self) -> None:
        """Notes that no more chunks will come."""
        self._ended = True
        self._waiter.wake()

    def wake(self) -> None:
        """Ends waits, because the call was cancelled."""
        self._waiter.wake()

    def __iter__(self) -> Incoming:
        return self

    def __next__(self) -> bytes:
        """The next chunk. Raises DcfError CANCELLED when the call is cancelled."""
        if not self._ready():
            self._link.wait(self._ready)
        chunk = self._take()
        if chunk is None:
            raise StopIteration
        return chunk

    def __aiter__(self) -> Incoming:
        return self

    async def __anext__(self) -> bytes:
        while not self._ready():
            await self._waiter.wait(self._ready)
        chunk = self._take()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    def _ready(self) -> bool:
        return bool(self._chunks) or self._ended or self._request.was_cancelled

    def _take(self) -> bytes | None:
        if self._request.was_cancelled or (self._link.ended and not self._chunks and not self._ended):
            raise cancelled()
        if not self._chunks:
            return None
        chunk = self._chunks.popleft()
        self._owed += len(chunk) + CHUNK_COST
        if self._owed >= _CREDIT_STEP and not self._ended:
            self._link.send(write({"type": "CREDIT", "id": self._request.number, "bytes": self._owed}))
            self._owed = 0
        return chunk


class WholeInput:
    """An input that came whole, as one chunk."""

    def __init__(self, body: bytes) -> None:
        self._left = [body]

    def __iter__(self) -> WholeInput:
        return self

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        return self._left.pop()

    def __aiter__(self) -> WholeInput:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


class Outgoing:
    """The chunks of an output. They wait while the daemon has given no credit for them."""

    def __init__(self, request, link) -> None:
        self._request = request
        self._link = link
        # Each has one writer: the thread that reads, and the thread that runs the Handler.
        self._granted = INITIAL_CREDIT
        self._spent = 0
        self._waiter = Waiter(link)

    def add(self, credit: int) -> None:
        """Allows that many more bytes to be sent."""
        self._granted += credit
        self._waiter.wake()

    def wake(self) -> None:
        """Ends waits, because the call was cancelled."""
        self._waiter.wake()

    def send(self, chunk, flags: int) -> None:
        """Sends a chunk once there is credit. `flags`: its kind. Raises DcfError CANCELLED when the call is cancelled."""
        if not self._ready():
            self._link.wait(self._ready)
        self._write(chunk, flags)

    async def send_later(self, chunk, flags: int) -> None:
        """Does the same as `send` in a coroutine."""
        while not self._ready():
            await self._waiter.wait(self._ready)
        self._write(chunk, flags)

    def _ready(self) -> bool:
        return self._granted > self._spent or self._request.was_cancelled

    def _write(self, chunk, flags: int) -> None:
        if self._request.was_cancelled or self._link.ended:
            raise cancelled()
        self._spent += len(chunk) + CHUNK_COST
        self._link.send(HEAD.pack(len(chunk), 0, DATA, flags, self._request.number, 0), chunk)
