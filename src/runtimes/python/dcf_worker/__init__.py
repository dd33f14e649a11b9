"""What runs in a Python replica. For functions: `from dcf_worker import DcfError, Response`."""

import sys

# What a bare interpreter has loaded: a function's modules cannot hide it.
MODULES_AT_START = frozenset(sys.modules)

from .errors import DcfError  # noqa: E402
from .response import Response  # noqa: E402

__all__ = ["DcfError", "Response"]
