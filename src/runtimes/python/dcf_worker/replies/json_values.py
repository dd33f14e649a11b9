"""Replies as JSON: values that the module json knows, and values of other types, such as arrays and dataclasses, converted to such."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence, Set, ValuesView
from enum import Enum
from json import JSONEncoder, dumps
from os import fspath

from ..errors import DcfError, cut

_MAX_KEY_LENGTH = 40
# Longer integers are checked: Python may refuse to write them (sys.set_int_max_str_digits).
_LONG_INTEGER_BITS = 10_000

# Names of the method that returns plain lists and numbers: NumPy, PyTorch, JAX, CuPy and array; Polars; Arrow.
_LISTS = ("tolist", "to_dicts", "to_list", "to_pylist")


class Unwritable(TypeError):
    """A value that JSON cannot express. The message says what it is and what to write instead."""


def json_text(reply) -> str:
    """A reply as JSON text, without white space.

    Raises DcfError INTERNAL for a value that JSON cannot express. The message says where in the reply it is, and what to do.
    """
    try:
        return _encode(reply)
    except Exception:
        # The slower way below converts keys of other types, too, and knows where in the reply it fails.
        pass
    try:
        return _encode(_walked(reply, "reply", set()))
    except RecursionError:
        raise _refused("reply is nested too deeply") from None


def plain(value):
    """Converts a value of another type to one that JSON knows, by the methods that it has: no library is imported for it.

    Values inside it may have to be converted, too. Raises Unwritable when it cannot be converted.
    """
    try:
        found = _plain(value)
    except Unwritable:
        raise
    except Exception as error:
        raise Unwritable(f"{_named(value)}, whose conversion failed: {type(error).__name__}: {error}") from error
    return found


def plain_reply(reply):
    """Converts a whole reply as `plain` does. Raises DcfError INTERNAL when it cannot be converted."""
    try:
        return plain(reply)
    except Unwritable as problem:
        raise _refused(f"reply is {problem}") from problem.__cause__


def _plain(value):
    kind = type(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise Unwritable(f"{_named(value)}: write base64.b64encode(value).decode(), or value.decode() where it is text")
    if hasattr(kind, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(kind, "__fields__") and hasattr(kind, "dict"):
        return value.dict()
    for names in ("__dataclass_fields__", "__attrs_attrs__", "__struct_fields__"):
        if hasattr(kind, names):
            return {name: getattr(value, name) for name in _field_names(value, names)}
    if hasattr(kind, "iloc") and hasattr(kind, "to_dict") and hasattr(value, "columns"):
        return value.to_dict("records")
    if getattr(getattr(value, "dtype", None), "kind", None) in ("M", "m") and hasattr(value, "astype"):
        # NumPy would convert times in nanoseconds to bare numbers.
        value = value.astype("datetime64[us]" if value.dtype.kind == "M" else "timedelta64[us]")
        kind = type(value)
    for name in _LISTS:
        if hasattr(kind, name):
            return getattr(value, name)()
    return _plain_word(value, kind)


def _plain_word(value, kind):
    """Converts dates, paths, decimals, ids and collections."""
    if hasattr(kind, "isoformat"):
        if value != value:
            raise Unwritable(f"{kind.__name__}, which is not a time: write None")
        return value.isoformat()
    if hasattr(kind, "__fspath__"):
        path = fspath(value)
        return path if isinstance(path, str) else path.decode("utf-8", "surrogateescape")
    if _is_of(value, "decimal", "Decimal"):
        if not value.is_finite():
            raise Unwritable(f"{value}; JSON has no such number: write None or a string")
        return str(value)
    if _is_of(value, "uuid", "UUID"):
        return str(value)
    if _is_of(value, "collections", "UserString"):
        return str(value)
    if isinstance(value, Mapping):
        return {key: value[key] for key in value}
    if isinstance(value, (set, frozenset)):
        return _in_order(value)
    if isinstance(value, (Sequence, Set, ValuesView)):
        return list(value)
    if hasattr(kind, "__array__"):
        return value.__array__().tolist()
    raise Unwritable(_named(value) + _advice(value, kind))


def _advice(value, kind) -> str:
    if hasattr(kind, "__await__"):
        return ": await it first"
    if hasattr(kind, "read"):
        return ": write its content, value.read()"
    if hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        return ": make a list of it; only a whole reply may come in chunks"
    if isinstance(value, BaseException):
        return f": raise it, or write str(error); it says: {cut(str(value), 200)}"
    if kind.__module__.split(".")[0] == "PIL" and hasattr(kind, "save"):
        return ': write its file: buffer = io.BytesIO(); image.save(buffer, "PNG"); return buffer.getvalue()'
    if hasattr(kind, "savefig"):
        return ': write its file: buffer = io.BytesIO(); figure.savefig(buffer, format="png"); return buffer.getvalue()'
    if hasattr(kind, "total_seconds"):
        return ": write value.total_seconds()"
    if isinstance(value, complex):
        return ": write [value.real, value.imag]"
    if callable(value):
        return ": call it, and write the result"
    return ": convert it to a dict, a list, a string or a number; vars(value) has the attributes of an object"


def _walked(value, path: str, above: set):
    """Converts a value with everything in it, keys too. The DcfError that it raises says where it fails."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return _written_integer(value, path)
    if isinstance(value, float):
        if value - value != 0:
            word = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
            raise _refused(f"{path} is {word}; JSON has no such number: write None or a string")
        return value
    if id(value) in above:
        raise _refused(f"{path} contains itself")
    above.add(id(value))
    try:
        if isinstance(value, dict):
            return _walked_object(value, path, above)
        if isinstance(value, (list, tuple)):
            return [_walked(each, f"{path}[{index}]", above) for index, each in enumerate(value)]
        try:
            found = plain(value)
        except Unwritable as problem:
            raise _refused(f"{path} is {problem}") from problem.__cause__
        return _walked(found, path, above)
    finally:
        above.discard(id(value))


def _walked_object(value: dict, path: str, above: set) -> dict:
    written: dict = {}
    for key, each in value.items():
        text = _written_key(key, path)
        if text in written:
            raise _refused(f"{path} has several keys that become {_short(text)} in JSON; one of them is {_short(key)}")
        written[text] = _walked(each, f"{path}[{_short(text)}]", above)
    return written


def _written_key(key, path: str) -> str:
    if isinstance(key, Enum):
        return _written_key(key.value, path)
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, int, float)):
        return dumps(_walked(key, f"a key of {path}", set()))
    if isinstance(key, (tuple, frozenset)):
        raise _refused(f"{path} has a key {_named(key)}, {_short(key)}: keys in JSON are strings; write a list of pairs, or join the parts of the key")
    try:
        return _written_key(plain(key), path)
    except Unwritable as problem:
        raise _refused(f"{path} has a key, {_short(key)}, that is {problem}") from problem.__cause__


def _written_integer(value: int, path: str) -> int:
    if value.bit_length() > _LONG_INTEGER_BITS:
        try:
            int.__repr__(value)
        except ValueError as error:
            raise _refused(f"{path} is an integer that is too long: {error}") from None
    return value


def _field_names(value, names: str):
    if names == "__dataclass_fields__":
        return [field.name for field in sys.modules["dataclasses"].fields(value)]
    fields = getattr(type(value), names)
    return [field if isinstance(field, str) else field.name for field in fields]


def _in_order(values: set | frozenset) -> list:
    """The values of a set, sorted if possible: the order of a set differs from process to process."""
    try:
        return sorted(values)
    except Exception:
        return list(values)


def _is_of(value, module: str, name: str) -> bool:
    """Whether a value is of a class in a module that may not be imported."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _named(value) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"of type {name}"


def _short(key) -> str:
    text = dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)
    return text if len(text) <= _MAX_KEY_LENGTH else text[:_MAX_KEY_LENGTH] + "…"


def _refused(problem: str) -> DcfError:
    return DcfError("INTERNAL", f"the Handler's reply cannot be written as JSON: {problem}")


_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain).encode
