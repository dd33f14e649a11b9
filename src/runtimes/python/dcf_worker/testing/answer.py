"""Answer: the reply to a call."""

from __future__ import annotations

from json import loads
from typing import Any


class Answer:
    """The reply to one call."""

    def __init__(self, output: bytes, kind: str, status: int, headers: list[tuple[str, str]]) -> None:
        #: All bytes of the reply.
        self.output = output
        #: The kind of the reply: "bytes", "text" or "json".
        self.kind = kind
        #: Status and headers for callers over HTTP: those of a Response; 200 and none for any other reply.
        self.status = status
        self.headers = headers

    def text(self) -> str:
        """The output as text. Raises UnicodeDecodeError when it is not valid UTF-8."""
        return self.output.decode("utf-8")

    def json(self) -> Any:
        """The output, parsed as JSON. Raises ValueError when it is not valid JSON."""
        return loads(self.output)

    def __repr__(self) -> str:
        return f"Answer({self.output[:100]!r}, kind={self.kind!r}, status={self.status})"
