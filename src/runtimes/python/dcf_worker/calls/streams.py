"""The two directions of a streamed call."""

from __future__ import annotations

from collections import deque

from ..errors import DcfError
from ..wire.frames import HEAD
from ..wire.messages import CHUNK_COST, DATA, INITIAL_CREDIT, write

# So much is taken before credit is given back: a CREDIT for each of many small chunks would cost as much as the chunk.
_CREDIT_STEP = 64 * 1024


def cancelled() -> DcfError:
    """What ends the waits of a call that nobody waits for."""
    return DcfError("CANCELLED", "the caller gave up or the deadline passed")


class Waiter:
    """Lets a coroutine wait for what the stream brings, in whatever loop and thread it runs."""

    __slots__ = ("_future", "_link")

    def __init__(self, link) -> None:
        self._future = None
        self._link = link

    def wake(self) -> None:
        """What has come is there to be seen before this is called."""
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
                # The loop was closed meanwhile: nobody waits there.
                pass

    async def wait(self, ready) -> None:
        """Returns when it was woken; `ready` says whether there is anything to wait for."""
        if self._link.turns and not self._link.fed:
            # A loop of the function's own, in the only thread: nobody else reads.
            self._link.wait(ready)
            return
        import asyncio

        future = self._future = asyncio.get_running_loop().create_future()
        try:
            # Another thread may have brought it before the future was there.
            if not ready():
                await future
        finally:
            self._future = None


def _resolve(future) -> None:
    if not future.done():
        future.set_result(None)


class Incoming:
    """The chunks of a streamed input: an iterator, and an asynchronous one."""

    def __init__(self, request, link) -> None:
        self._request = request
        self._link = link
        self._chunks: deque[bytes] = deque()
        self._owed = 0
        self._ended = False
        self._waiter = Waiter(link)

    def feed(self, chunk: bytes) -> None:
        """A chunk has come."""
        self._chunks.append(chunk)
        self._waiter.wake()

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._waiter.wake()

    def wake(self) -> None:
        """The call was cancelled."""
        self._waiter.wake()

    def __iter__(self) -> Incoming:
        return self

    def __next__(self) -> bytes:
        """Raises DcfError CANCELLED when the call is."""
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
    """The chunks of an input that came as one: just that."""

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
    """The chunks of an output, held up while there is no credit for them."""

    def __init__(self, request, link) -> None:
        self._request = request
        self._link = link
        # Each is written by one thread alone: that which reads, and that which runs the Handler.
        self._granted = INITIAL_CREDIT
        self._spent = 0
        self._waiter = Waiter(link)

    def add(self, credit: int) -> None:
        """The daemon takes so many bytes more."""
        self._granted += credit
        self._waiter.wake()

    def wake(self) -> None:
        """The call was cancelled."""
        self._waiter.wake()

    def send(self, chunk, flags: int) -> None:
        """Waits for credit. `flags` say what the chunk is. Raises DcfError CANCELLED when the call is."""
        if not self._ready():
            self._link.wait(self._ready)
        self._write(chunk, flags)

    async def send_later(self, chunk, flags: int) -> None:
        """Waits as the method above does, for a coroutine."""
        while not self._ready():
            await self._waiter.wait(self._ready)
        self._write(chunk, flags)

    def _ready(self) -> bool:
        return self._granted > self._spent or self._request.was_cancelled

    def _write(self, chunk, flags: int) -> None:
        if self._request.was_cancelled or self._link.ended:
            raise cancelled()
        self._spent += len(chunk) + CHUNK_COST
        self._link.send_with_body(HEAD.pack(len(chunk), 0, DATA, flags, self._request.number, 0), chunk)
