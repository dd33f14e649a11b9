"""Signatures of the user's functions."""

from __future__ import annotations

_COROUTINE = 0x80
_ASYNC_GENERATOR = 0x200
_VARIED = 0x04

# Most wrappers that are followed. An object that has every attribute, such as a mock, would have no end of them.
_MOST_WRAPPERS = 20


class Signature:
    """The parameters of a function, without those that are already bound, such as self."""

    __slots__ = ("positional", "required", "keywords", "varied")

    def __init__(self, positional: list[str], required: int, keywords: dict[str, bool], varied: bool) -> None:
        #: Names of parameters that can be given by position, and how many of them have no default.
        self.positional = positional
        self.required = required
        #: Parameters that can only be given by name, and whether they have no default.
        self.keywords = keywords
        #: Whether it takes any number of positional arguments.
        self.varied = varied

    def without_first(self) -> Signature:
        """The signature of a method that was read from its class, without self."""
        return Signature(self.positional[1:], max(0, self.required - 1), self.keywords, self.varied)


def signature_of(function) -> Signature | None:
    """The signature of a function; `None` if it is not known, as for some functions written in C."""
    code, skipped, defaults = _described(function)
    if code is None or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        return _inspected(function)
    names = code.co_varnames
    positional = list(names[skipped : code.co_argcount])
    keyword_defaults = getattr(getattr(function, "__func__", function), "__kwdefaults__", None) or {}
    keywords = {name: name not in keyword_defaults for name in names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]}
    return Signature(positional, max(0, len(positional) - defaults), keywords, bool(code.co_flags & _VARIED))


def text_of(function) -> str:
    """The signature as text, such as `(a, b=1)`."""
    import inspect

    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "(…)"


def is_async(function) -> bool:
    """Whether a function, or a function that it wraps, is async."""
    for _ in range(_MOST_WRAPPERS):
        if function is None:
            return False
        code = _described(function)[0]
        if code is None and not isinstance(function, type):
            # A functools.partial, or an object with __call__.
            code = _described(getattr(type(function), "__call__", None))[0]
        if code is not None and code.co_flags & (_COROUTINE | _ASYNC_GENERATOR):
            return True
        function = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
    return False


def _described(function):
    """The code of a function or a bound method, how many parameters are already bound, and how many have a default.

    The module inspect would do the same, but to import it makes a replica start ten milliseconds later.
    """
    bound = hasattr(function, "__self__") and hasattr(function, "__func__")
    plain = function.__func__ if bound else function
    code = getattr(plain, "__code__", None)
    return code, int(bound), len(getattr(plain, "__defaults__", None) or ())


def _inspected(function) -> Signature | None:
    import inspect

    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    keywords = {each.name: each.default is each.empty for each in parameters if each.kind is each.KEYWORD_ONLY}
    varied = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return Signature([each.name for each in positional], sum(each.default is each.empty for each in positional), keywords, varied)
