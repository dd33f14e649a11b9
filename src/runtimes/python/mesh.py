"""Calls to other functions for Handlers of the original DCF: `from mesh import mesh_call`."""

from __future__ import annotations

from dcf_worker.context import current_context


def mesh_call(name: str, input, **options):
    """Calls another function as `context.call(name, input)` does, for code that has no context."""
    return current_context().call(name, input, **options)
