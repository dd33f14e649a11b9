"""Streamed inputs for code that needs the whole input at once."""

from __future__ import annotations

from ..errors import DcfError


def with_whole_input(handle, limit: int):
    """Has `handle` called once all chunks of the input have come. The call fails with RESOURCE_EXHAUSTED for more than `limit` bytes."""

    def handle_whole(request):
        if request.incoming is not None:
            chunks: list[bytes] = []
            length = 0
            for chunk in request.incoming:
                length = _checked(length + len(chunk), limit)
                chunks.append(chunk)
            request.gathered(chunks)
        return handle(request)

    return handle_whole


def with_whole_input_async(handle, limit: int):
    """Does the same as `with_whole_input` for calls that run on an event loop."""

    async def handle_whole(request):
        if request.incoming is not None:
            chunks: list[bytes] = []
            length = 0
            async for chunk in request.incoming:
                length = _checked(length + len(chunk), limit)
                chunks.append(chunk)
            request.gathered(chunks)
        reply = handle(request)
        return await reply if hasattr(reply, "__await__") else reply

    return handle_whole


def _checked(length: int, limit: int) -> int:
    if length > limit:
        raise DcfError("RESOURCE_EXHAUSTED", f"the input has more bytes than limits.payload allows, {limit}")
    return length
