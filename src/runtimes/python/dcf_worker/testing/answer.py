"""What a caller got."""

from __future__ import annotations

from json import loads
from typing import Any


class Answer:
    """The reply to one call."""

    def __init__(self, output: bytes, kind: str, status: int, headers: list[tuple[str, str]]) -> None:
        #: All bytes of the reply.
        self.output = output
        #: What they are: "bytes", "text" or "json".
        self.kind = kind
        #: What a Handler that returns a Response chose for callers over HTTP; 200 and none otherwise.
        self.status = status
        self.headers = headers

    def text(self) -> str:
        """The output as UTF-8."""
        return self.output.decode("utf-8")

    def json(self) -> Any:
        """The output as JSON. Raises ValueError when it is none."""
        return loads(self.output)

    def __repr__(self) -> str:
        return f"Answer({self.output[:100]!r}, kind={self.kind!r}, status={self.status})"
