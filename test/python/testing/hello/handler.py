"""A Handler that does what the metadata `do` of a call says; it greets otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dcf_worker import Context, DcfError, Request, Response

import words


class Handler:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._greeting = str(context.parameters["greeting"])
        context.logger.info("built")

    def __call__(self, req: Request) -> object:
        what = req.metadata.get("do", "")
        if what == "upper":
            return self._upper(req)
        if what == "raise":
            raise ValueError("not today")
        if what == "deny":
            raise DcfError("NOT_FOUND", "nobody is here", "empty")
        if what == "exit":
            raise SystemExit(3)
        if what == "call":
            return self._context.call("other", req.input)
        if what == "respond":
            return Response({"a": 1}, status=201, headers={"x-made": "yes"})
        if what == "wait":
            while not req.cancelled:
                pass
        if what == "count":
            return words.COUNT
        return f"{self._greeting}, {req.text()}! {os.environ['PLACE']}"

    def call_batch(self, reqs: list[Request]) -> list[object]:
        if len(reqs) == 1:
            return [self(reqs[0])]
        return [ValueError("this one") if req.text() == "bad" else f"{req.text()} of {len(reqs)}" for req in reqs]

    def close(self) -> None:
        print("closed")

    def _upper(self, req: Request) -> Iterator[bytes]:
        for chunk in req.chunks:
            yield chunk.upper()
