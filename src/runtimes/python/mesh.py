"""Calls of other functions, as the original DCF's functions make them: `from mesh import mesh_call`."""

from __future__ import annotations

from dcf_worker.context import current_context


def mesh_call(name: str, input, **options):
    """Calls another function, as `context.call(name, input)` does, without a context at hand."""
    return current_context().call(name, input, **options)
