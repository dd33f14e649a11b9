"""Streamed inputs for code that takes all of an input at once."""

from __future__ import annotations

from ..errors import DcfError


def with_whole_input(handle, limit: int):
    """`handle`, called when all chunks of the input have come. Raises DcfError RESOURCE_EXHAUSTED for more than `limit` bytes."""

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
    """Reads a streamed input to its end where calls run on an event loop."""

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
        raise DcfError("RESOURCE_EXHAUSTED", f"the input has more than {limit} bytes, which is limits.payload")
    return length
