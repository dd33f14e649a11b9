"""Imports the handler's file, builds the Handler in it, and decides how it is called."""

from __future__ import annotations

from ..context import CallContext, Context
from ..errors import DcfError
from .arguments import construct, require_call, takes_event
from .modules import extend_path, import_file
from .signature import is_async, signature_of
from .whole_input import with_whole_input, with_whole_input_async


class Target:
    """The functions that are called: methods of a Handler, or a single function."""

    def __init__(self, handle, asynchronous: bool, call_batch=None, init=None, close=None) -> None:
        #: Takes a Request and gives its reply.
        self.handle = handle
        #: Whether calls run on an event loop.
        self.is_async = asynchronous
        self.call_batch = call_batch
        self.init = init
        self.close = close


def load_target(init: dict, context: Context, run) -> Target:
    """Runs the initializer, if there is one, and builds the Handler.

    run: calls a function, and waits for its result if that is awaitable.
    Raises DcfError FAILED_PRECONDITION when something is missing or cannot be called, and whatever the function's code raises.
    """
    directory = init["directory"]
    handler = init["handler"]
    extend_path(directory, handler["path"])
    found = _member(directory, handler)
    initializer = init.get("initializer")
    if initializer is not None:
        _run_initializer(_member(directory, initializer), initializer, context, run)
    return target_of(found, handler, context, init["maxPayload"])


def target_of(found, handler: dict[str, str], context: Context, max_payload: int) -> Target:
    """The target for a class, which is built, or for a function. Raises as `load_target` does."""
    if isinstance(found, type):
        return _target_of_instance(construct(found, handler["name"], handler["path"], context), handler, context, max_payload)
    return _target_of_function(found, handler, context, max_payload)


def _member(directory: str, wanted: dict[str, str]):
    module = import_file(directory, wanted["path"])
    found = getattr(module, wanted["name"], None)
    if callable(found):
        return found
    names = [name for name, value in vars(module).items() if not name.startswith("_") and callable(value)]
    what = f"does not define {wanted['name']}" if found is None else f"defines {wanted['name']}, which is not a class or a function"
    raise DcfError("FAILED_PRECONDITION", f"{wanted['path']} {what}; it defines: {', '.join(names) or 'nothing'}")


def _target_of_instance(instance, handler: dict[str, str], context: Context, max_payload: int) -> Target:
    name, path = handler["name"], handler["path"]
    init, close, batch = (getattr(instance, method, None) for method in ("init", "close", "call_batch"))
    if close is not None:
        _require_no_arguments(close, f"{name}.close", path)
    if batch is not None:
        batch = _with_context(batch, require_call(batch, f"{name}.call_batch", path, "reqs"), lambda _: context)
    method = "__call__" if callable(instance) else "call"
    call = getattr(instance, method, None)
    if callable(call):
        handle = _with_context(call, require_call(call, f"{name}.{method}", path, "req"), _context_of_call(context))
    elif batch is not None:
        handle = _batch_of_one(batch, is_async(batch), max_payload)
    else:
        raise DcfError("FAILED_PRECONDITION", f"the class {name} in {path} needs a method __call__(self, req) or call(self, req)")
    asynchronous = is_async(call) or is_async(getattr(instance, "call_batch", None))
    return Target(handle, asynchronous, batch, init, close)


def _target_of_function(function, handler: dict[str, str], context: Context, max_payload: int) -> Target:
    event = takes_event(function)
    place = require_call(function, handler["name"], handler["path"], "event" if event else "req")
    asynchronous = is_async(function)
    context_of = _context_of_call(context)
    if not event:
        return Target(_with_context(function, place, context_of), asynchronous)
    handle = _with_context(lambda request, *context, **named: function(request.input, *context, **named), place, context_of)
    return Target((with_whole_input_async if asynchronous else with_whole_input)(handle, max_payload), asynchronous)


def _with_context(function, place: str | int | None, context_of):
    if place is None:
        return function
    if place == 1:
        return lambda request: function(request, context_of(request))
    return lambda request: function(request, **{place: context_of(request)})


def _context_of_call(context: Context):
    return lambda request: CallContext(context, request)


def _batch_of_one(batch, asynchronous: bool, max_payload: int):
    """How a Handler that only has `call_batch` answers a call outside of a batch, such as a streamed one."""

    def only(replies):
        if isinstance(replies, (list, tuple)) and len(replies) == 1:
            if isinstance(replies[0], BaseException):
                raise replies[0]
            return replies[0]
        raise DcfError("INTERNAL", "call_batch must return a list with one reply for each request; it got one request")

    async def only_later(replies):
        return only(await replies)

    def handle(request):
        replies = batch([request])
        return only_later(replies) if hasattr(replies, "__await__") else only(replies)

    return (with_whole_input_async if asynchronous else with_whole_input)(handle, max_payload)


def _require_no_arguments(function, name: str, path: str) -> None:
    signature = signature_of(function)
    if signature is not None and (signature.required > 0 or any(signature.keywords.values())):
        needed = ", ".join([*signature.positional[: signature.required], *(each for each, needed in signature.keywords.items() if needed)])
        raise DcfError("FAILED_PRECONDITION", f"{name} in {path} requires {needed}, but it is called without arguments: remove them or give them defaults")


def _run_initializer(function, initializer: dict[str, str], context: Context, run) -> None:
    signature = signature_of(function)
    if signature is not None and signature.required > 1:
        name = initializer["name"]
        asked = ", ".join(signature.positional)
        message = f"{name} in {initializer['path']} has the parameters {asked}: declare it as {name}(context) or {name}()"
        raise DcfError("FAILED_PRECONDITION", message)
    run((lambda: function(context)) if signature is None or signature.positional or signature.varied else function)
