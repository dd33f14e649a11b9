"""Imports the handler's file, and finds out how what it defines wants to be built and called."""

from __future__ import annotations

import os
import sys

from .context import CallContext, Context
from .environment import REQUIREMENTS
from .errors import DcfError
from .signature import is_async, positional

_CONTEXT_NAMES = ("context", "ctx")


class Target:
    """What is called: a Handler's methods, or a function."""

    def __init__(self, handle, asynchronous: bool, call_batch=None, init=None, close=None) -> None:
        #: Takes a Request and gives its reply.
        self.handle = handle
        #: Whether calls run on an event loop.
        self.is_async = asynchronous
        self.call_batch = call_batch
        self.init = init
        self.close = close


def extend_path(directory: str, handler_path: str) -> None:
    """The folder of the handler's file comes first, then the function's own; its requirements come before the host's packages."""
    requirements = os.path.join(directory, REQUIREMENTS)
    if os.path.isdir(requirements):
        host = (index for index, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages")))
        sys.path.insert(next(host, len(sys.path)), requirements)
    folders = [os.path.dirname(os.path.join(directory, handler_path)), directory]
    sys.path[:0] = list(dict.fromkeys(os.path.normpath(folder) for folder in folders))


def load_target(init: dict, context: Context) -> Target:
    """Runs the initializer, if there is one, and builds the Handler.

    Raises DcfError FAILED_PRECONDITION when something is missing, and whatever the function raises.
    """
    directory = init["directory"]
    handler = init["handler"]
    extend_path(directory, handler["path"])
    found = _member(directory, handler)
    initializer = init.get("initializer")
    if initializer is not None:
        _run_initializer(_member(directory, initializer), initializer, context)
    if isinstance(found, type):
        return _target_of_instance(_build(found, handler, context), handler)
    return Target(_function_handle(found, handler, context), is_async(found))


def _member(directory: str, wanted: dict[str, str]):
    module = _import(directory, wanted["path"])
    found = getattr(module, wanted["name"], None)
    if callable(found):
        return found
    names = [name for name, value in vars(module).items() if not name.startswith("_") and callable(value)]
    what = f"defines no {wanted['name']}" if found is None else f"defines a {wanted['name']} that cannot be called"
    raise DcfError("FAILED_PRECONDITION", f"{wanted['path']} {what}; it defines: {', '.join(names) or 'nothing'}")


def _import(directory: str, path: str):
    file = os.path.normpath(os.path.join(directory, path))
    if not os.path.isfile(file):
        raise DcfError("FAILED_PRECONDITION", f"the handler file {path} is not in the package")
    name = os.path.splitext(os.path.basename(file))[0]
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == file:
        return known
    if known is None and name.isidentifier():
        return __import__(name)
    # A name that no import statement can say, or that the standard library has taken.
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(f"dcf_function_{name}", file)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _build(handler_class: type, handler: dict[str, str], context: Context):
    names, required = positional(handler_class.__init__)
    if handler_class.__init__ is object.__init__:
        names, required = [], 0
    elif not hasattr(handler_class.__init__, "__self__"):
        # It was looked up on the class, so its first parameter is not bound yet.
        names, required = names[1:], max(0, required - 1)
    arguments = []
    for index, name in enumerate(names):
        if name in _CONTEXT_NAMES:
            arguments.append(context)
        elif name == "parameters" or (index == 0 and required > 0):
            arguments.append(context.parameters)
        elif index < required:
            raise DcfError(
                "FAILED_PRECONDITION",
                f"{handler['name']}.__init__ of {handler['path']} asks for {name}: it may ask for parameters and for context",
            )
        else:
            break
    return handler_class(*arguments)


def _target_of_instance(instance, handler: dict[str, str]) -> Target:
    if callable(instance):
        handle = instance.__call__
    elif callable(getattr(instance, "call", None)):
        handle = instance.call
    else:
        message = f"the class {handler['name']} of {handler['path']} has no method __call__(self, req), nor call(self, req)"
        raise DcfError("FAILED_PRECONDITION", message)
    methods = {name: getattr(instance, name, None) for name in ("call_batch", "init", "close")}
    asynchronous = any(is_async(method) for method in (handle, methods["call_batch"]))
    return Target(handle, asynchronous, **methods)


def _function_handle(function, handler: dict[str, str], context: Context):
    names, required = positional(function)
    if required == 2 or names[1:2] in (["context"], ["ctx"]):
        return lambda request: function(request.input, CallContext(context, request.id))
    if required > 2 or not names:
        message = f"{handler['name']} of {handler['path']} takes {', '.join(names) or 'nothing'}; write {handler['name']}(req) or {handler['name']}(event, context)"
        raise DcfError("FAILED_PRECONDITION", message)
    return function


def _run_initializer(function, initializer: dict[str, str], context: Context) -> None:
    names, _ = positional(function)
    if is_async(function):
        raise DcfError("FAILED_PRECONDITION", f"{initializer['name']} of {initializer['path']} must not be async")
    function(context) if names else function()
