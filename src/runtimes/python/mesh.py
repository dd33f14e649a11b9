"""Calls to other functions for Handlers of the original DCF: `from mesh import mesh_call`."""

from dcf_worker.context import mesh_call

__all__ = ["mesh_call"]
