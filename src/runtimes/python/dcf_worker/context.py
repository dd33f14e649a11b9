"""What a Handler is built with."""

from __future__ import annotations

from .errors import DcfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger
    from typing import Any


class Context:
    """What a Handler knows of its worker. A function that takes it with its call gets one for each, which has its `request_id`."""

    def __init__(self, init: dict[str, Any], output: Any, calls: Any) -> None:
        self.function: str = init["function"]
        self.revision: str = init["revision"]
        #: The manifest's `parameters`, with what `--set` changed.
        self.parameters: dict[str, Any] = init["parameters"]
        #: Absolute paths of the manifest's `resources`, by name.
        self.resources: dict[str, str] = init["resources"]
        #: The execution providers that may be used here, best first.
        self.providers: list[str] = init["providers"]
        #: The devices that this replica may use; none on a CPU host.
        self.devices: list[str] = init["devices"]
        #: Which of the replica's workers this is, from 0.
        self.worker: int = init["worker"]
        self._output = output
        self._calls = calls

    @property
    def logger(self) -> Logger:
        """A logging.Logger; its records are entries of the function's log."""
        return self._output.logger(self.function)

    def call(self, name: str, input: bytes | str, alias: str | None = None, timeout: float | None = None, metadata: dict[str, str] | None = None) -> Any:
        """Calls another function through the daemon, for the call that runs.

        input: bytes or a string. timeout: seconds; it can only shorten what is left of the deadline.
        Returns its output as bytes; in an `async def` Handler, something to await for them. Raises DcfError as it failed.
        """
        calls = self._calls()
        request = calls.current if calls is not None else None
        if request is None:
            raise DcfError("FAILED_PRECONDITION", f"{name} was called outside of a call: only a call can call another function")
        return calls.call_other(request, name, input, alias, timeout, metadata)


_contexts: list[Context] = []


def use_context(context: Context) -> None:
    """Makes it the one that `current_context` gives."""
    _contexts.append(context)


def drop_context(context: Context) -> None:
    """Takes `use_context` back; does nothing for a context that is not in use."""
    if context in _contexts:
        _contexts.remove(context)


def current_context() -> Context:
    """The worker's context. Raises DcfError FAILED_PRECONDITION before a function is loaded."""
    if not _contexts:
        raise DcfError("FAILED_PRECONDITION", "mesh_call was used before the function was loaded: only a running call can call another function")
    return _contexts[-1]


class CallContext:
    """The context of one call: the worker's own, and `request_id`."""

    def __init__(self, context: Context, request: Any) -> None:
        self._context = context
        self._request = request

    @property
    def request_id(self) -> str:
        return str(self._request.id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)
