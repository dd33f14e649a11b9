"""The context that a Handler gets: about its worker, and about a call."""

from __future__ import annotations

from .errors import DcfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger
    from typing import Any


class Context:
    """Describes the worker to its Handler. A Handler that takes a context with each call gets a CallContext, which has a `request_id` too."""

    def __init__(self, init: dict[str, Any], output: Any, calls: Any) -> None:
        self.function: str = init["function"]
        self.revision: str = init["revision"]
        #: `parameters` of function.yaml, with the values that `--set` replaced.
        self.parameters: dict[str, Any] = init["parameters"]
        #: Absolute paths of the `resources` of function.yaml, by name.
        self.resources: dict[str, str] = init["resources"]
        #: ONNX execution providers that work here, the best one first.
        self.providers: list[str] = init["providers"]
        #: Devices that this replica may use; empty on a host without a GPU.
        self.devices: list[str] = init["devices"]
        #: Number of this worker in its replica, from 0.
        self.worker: int = init["worker"]
        self._output = output
        self._calls = calls

    @property
    def logger(self) -> Logger:
        """A logging.Logger that writes to the function's log."""
        return self._output.logger(self.function)

    def call(self, name: str, input: bytes | str, alias: str | None = None, timeout: float | None = None, metadata: dict[str, str] | None = None) -> Any:
        """Calls another function through the daemon, as a part of the call that runs now.

        input: bytes, or a string, which is sent as UTF-8. alias: an alias or revision; the active revision by default.
        timeout: seconds; by default, and at most, the time that this call has left. metadata: strings by key.
        Returns the output as bytes; in an `async def` Handler, an awaitable of them.
        Raises the DcfError that the other call failed with; FAILED_PRECONDITION outside of a call.
        """
        calls = self._calls()
        request = calls.current if calls is not None else None
        if request is None:
            raise DcfError("FAILED_PRECONDITION", f"context.call({name!r}) was used outside of a call: only a running call can call another function, not __init__, init or close")
        return calls.call_other(request, name, input, alias, timeout, metadata)


_contexts: list[Context] = []


def use_context(context: Context) -> None:
    """Has `mesh_call` use this context."""
    _contexts.append(context)


def drop_context(context: Context) -> None:
    """Undoes `use_context`; does nothing for a context that is not in use."""
    if context in _contexts:
        _contexts.remove(context)


def mesh_call(name: str, input: bytes | str, **options: Any) -> Any:
    """Calls another function as `context.call(name, input)` does, for code that has no context.

    Raises DcfError FAILED_PRECONDITION before a function is loaded.
    """
    if not _contexts:
        raise DcfError("FAILED_PRECONDITION", "mesh_call was used before the function was loaded: only a running call can call another function")
    return _contexts[-1].call(name, input, **options)


class CallContext:
    """The context of one call: has all that the worker's Context has, and `request_id`."""

    def __init__(self, context: Context, request: Any) -> None:
        self._context = context
        self._request = request

    @property
    def request_id(self) -> str:
        return str(self._request.id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)
