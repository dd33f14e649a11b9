"""Takes a pickled value and answers with the same value as JSON."""

import io
import json
import pickle

from dcf_worker import DcfError

# A pickle names the classes that it builds, and may so run any code. Plain values need none of them but these.
HARMLESS = {
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("collections", "OrderedDict"),
}


class PlainUnpickler(pickle.Unpickler):
    """Builds plain values and nothing else. https://docs.python.org/3/library/pickle.html#restricting-globals"""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in HARMLESS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")


def plain(value: object) -> object:
    """What JSON has no word for, as what comes nearest."""
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, complex):
        return [value.real, value.imag]
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


class Handler:
    def __call__(self, req) -> str:
        """Raises DcfError INVALID_ARGUMENT when the input is no pickle of plain values."""
        try:
            value = PlainUnpickler(io.BytesIO(req.input)).load()
            return json.dumps(value, default=plain)
        except Exception as error:  # A damaged pickle raises nearly anything.
            raise DcfError("INVALID_ARGUMENT", f"the input is no pickle of plain values: {error}") from None
