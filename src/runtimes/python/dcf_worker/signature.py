"""What a function of the user's asks for."""

from __future__ import annotations

_COROUTINE = 0x80
_ASYNC_GENERATOR = 0x200


def positional(function) -> tuple[list[str], int]:
    """The names of the parameters that can be given by position, `self` left out, and how many of them have no default."""
    code, skipped, defaults = _described(function)
    if code is None or hasattr(function, "__wrapped__"):
        return _inspected(function)
    names = list(code.co_varnames[skipped : code.co_argcount])
    return names, max(0, len(names) - defaults)


def is_async(function) -> bool:
    """Whether a call of it, or of what it wraps, gives something to be awaited."""
    while function is not None:
        code = _described(function)[0]
        if code is not None and code.co_flags & (_COROUTINE | _ASYNC_GENERATOR):
            return True
        function = getattr(function, "__wrapped__", None)
    return False


def _described(function):
    """The code of a function or a bound method, how many parameters are bound already, and how many have a default.

    The module inspect would do the same, and costs a replica ten milliseconds of its start.
    """
    bound = hasattr(function, "__self__") and hasattr(function, "__func__")
    plain = function.__func__ if bound else function
    code = getattr(plain, "__code__", None)
    return code, int(bound), len(getattr(plain, "__defaults__", None) or ())


def _inspected(function) -> tuple[list[str], int]:
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return [], 0
    taken = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return [each.name for each in taken], sum(each.default is each.empty for each in taken)
