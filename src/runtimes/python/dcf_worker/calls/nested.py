"""Nested calls: calls to other functions, through the daemon."""

from __future__ import annotations

from itertools import count

from ..errors import CODES, DcfError, utf8
from ..wire.messages import ERROR, RESULT, header_of, write
from .streams import Waiter, cancelled


class NestedCall:
    """One call to another function."""

    __slots__ = ("number", "done", "output", "error", "waiter")

    def __init__(self, number: int, link) -> None:
        self.number = number
        self.done = False
        self.output = b""
        self.error: DcfError | None = None
        self.waiter = Waiter(link)

    def result(self) -> bytes:
        """Raises the DcfError that the call ended with."""
        if self.error is not None:
            raise self.error
        return self.output


class NestedCalls:
    """Starts nested calls, and takes their answers."""

    def __init__(self, link) -> None:
        self._link = link
        self._numbers = count(1)
        self._open: dict[int, NestedCall] = {}

    def start(self, parent: int, name: str, body, alias: str | None, timeout: float | None, metadata: dict[str, str] | None) -> NestedCall:
        """Sends a nested call for the call with the number `parent`.

        timeout: seconds; `None`: the time that the call `parent` has left. Raises DcfError FAILED_PRECONDITION in a forked child, TypeError
        for a value of a wrong type.
        """
        if self._link.abandoned:
            raise DcfError("FAILED_PRECONDITION", f"{name} cannot be called from a process that the Handler has forked: call it from the Handler's own process")
        # 0 is not a valid number: it means "no call".
        nested = NestedCall(next(self._numbers) & 0xFFFFFFFF or next(self._numbers), self._link)
        message = {
            "type": "NESTED_CALL",
            "id": nested.number,
            "timeoutMs": 0 if timeout is None else int(min(max(1, timeout * 1000), 0xFFFFFFFF)),
            "function": _text("the name of the function to call", name),
            "alias": None if alias is None else _text("the alias to call", alias),
            "parent": parent,
            "metadata": None if metadata is None else _metadata_of(metadata),
            "body": _bytes_of(name, body),
        }
        frame = write(message)
        self._open[nested.number] = nested
        self._link.send(frame)
        return nested

    def answered(self, kind: int, number: int, header: bytes, body: bytes) -> None:
        """Takes a RESULT or an ERROR; drops one for a call that was given up."""
        nested = self._open.pop(number, None)
        if nested is None:
            return
        if kind == RESULT:
            nested.output = body
        elif kind == ERROR:
            nested.error = _error_of(header_of(header))
        nested.done = True
        nested.waiter.wake()

    def wait(self, nested: NestedCall, request) -> bytes:
        """Waits for the output of a nested call.

        Raises the DcfError that it failed with; CANCELLED when the call `request`, which it belongs to, is cancelled.
        """
        self._link.wait(lambda: nested.done or request.was_cancelled)
        if not nested.done:
            self.give_up(nested)
            raise cancelled()
        return nested.result()

    async def wait_later(self, nested: NestedCall) -> bytes:
        """Waits in a coroutine for the output of a nested call. The task is cancelled together with its call."""
        try:
            while not nested.done:
                if self._link.ended:
                    raise cancelled()
                await nested.waiter.wait(lambda: nested.done)
        finally:
            if not nested.done:
                self.give_up(nested)
        return nested.result()

    def give_up(self, nested: NestedCall) -> None:
        """Cancels a nested call, unless it has ended."""
        if self._open.pop(nested.number, None) is not None:
            self._link.send(write({"type": "CANCEL", "id": nested.number}))


def _error_of(fields: dict) -> DcfError:
    code = fields.get("code")
    return DcfError(code if code in CODES else "UNKNOWN", str(fields.get("message", "")), fields.get("reason"))


def _text(what: str, value) -> str:
    """`value`, which has to be a string: any other value would break the protocol, and so end the replica."""
    if isinstance(value, str):
        return value
    raise TypeError(f"{what} must be a string, not {type(value).__name__}")


def _metadata_of(given: dict[str, str]) -> dict[str, str]:
    """The metadata with its keys in lower case, as every Handler reads them."""
    return {_text("a key of the metadata", key).lower(): _text(f"the metadata {key!r}", value) for key, value in given.items()}


def _bytes_of(name: str, body) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return utf8(body)
    if isinstance(body, (bytearray, memoryview)):
        return bytes(body)
    raise TypeError(f"the input for {name} must be bytes or a string, not {type(body).__name__}")
