"""The arguments that a Handler's constructor and functions get, decided before the first call."""

from __future__ import annotations

from ..errors import DcfError
from .signature import Signature, signature_of, text_of

_REQUEST_NAMES = ("req", "request")
_PARAMETERS = "parameters"


def is_context(name: str) -> bool:
    """Whether a parameter with this name gets the context: context, ctx, lambda_context, _context, _ …"""
    bare = name.strip("_").lower()
    return bare in ("", "c") or bare.endswith(("context", "ctx"))


def takes_event(function) -> bool:
    """Whether a function has the form `handler(event, context)`, and so gets the input instead of a request."""
    signature = signature_of(function)
    first = signature.positional[:1] if signature is not None else []
    return bool(first) and first[0] not in _REQUEST_NAMES and place_of_context(signature) is not None


def place_of_context(signature: Signature | None) -> str | int | None:
    """How the context is passed after one other argument: 1: by position; a string: by this name; `None`: not at all."""
    if signature is None:
        return None
    if len(signature.positional) > 1 and is_context(signature.positional[1]):
        return 1
    return next((name for name in signature.keywords if is_context(name)), None)


def require_call(function, name: str, path: str, first: str) -> str | int | None:
    """How the context is passed to `function(first)`: see `place_of_context`.

    Raises DcfError FAILED_PRECONDITION, with the signature and the allowed ones, when the function cannot be called with or without a context.
    """
    signature = signature_of(function)
    if signature is None:
        return None
    place = place_of_context(signature)
    given = 2 if place == 1 else 1
    missing = any(required and keyword != place for keyword, required in signature.keywords.items())
    if signature.required > given or missing or not (signature.positional or signature.varied):
        bare = name.split(".")[-1]
        own = "self, " if "." in name else ""
        raise DcfError(
            "FAILED_PRECONDITION",
            f"{name} in {path} is declared as {bare}{text_of(function)}, which cannot be called: declare it as {bare}({own}{first}) or {bare}({own}{first}, context)",
        )
    return place


def construct(handler_class: type, name: str, path: str, context):
    """Builds a Handler: its constructor gets the parameters and the context, if it has parameters for them."""
    positional, by_name = _constructor_arguments(handler_class, name, path, context)
    return handler_class(*positional, **by_name)


def _constructor_arguments(handler_class: type, name: str, path: str, context):
    signature = _constructor_signature(handler_class)
    if signature is None:
        return [], {}
    positional: list = []
    for index, each in enumerate(signature.positional):
        if each in ("context", "ctx"):
            positional.append(context)
        elif each == _PARAMETERS or (index == 0 and signature.required > 0):
            positional.append(context.parameters)
        elif index < signature.required:
            raise _unknown_argument(handler_class, name, path, each)
        else:
            break
    by_name: dict = {}
    # A parameter behind one that keeps its default can only be passed by name.
    for each in [*signature.positional[len(positional) :], *signature.keywords]:
        if each in ("context", "ctx"):
            by_name[each] = context
        elif each == _PARAMETERS:
            by_name[each] = context.parameters
        elif signature.keywords.get(each):
            raise _unknown_argument(handler_class, name, path, each)
    return positional, by_name


def _constructor_signature(handler_class: type) -> Signature | None:
    if handler_class.__init__ is not object.__init__:
        function = handler_class.__init__
    elif handler_class.__new__ is not object.__new__:
        function = handler_class.__new__
    else:
        return None
    signature = signature_of(function)
    return signature if signature is None or hasattr(function, "__self__") else signature.without_first()


def _unknown_argument(handler_class: type, name: str, path: str, argument: str) -> DcfError:
    return DcfError(
        "FAILED_PRECONDITION",
        f"{name}.__init__ in {path} is declared as __init__{text_of(handler_class.__init__)}, and there is no value for {argument}: it may have parameters and context; others need a default",
    )
