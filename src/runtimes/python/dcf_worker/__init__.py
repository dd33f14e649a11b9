"""What runs in a Python replica.

For functions: `from dcf_worker import Context, DcfError, Request, Response`; for their tests `from dcf_worker.testing import load_function`.
"""

import sys

# What a bare interpreter has loaded: a function's modules cannot hide it.
MODULES_AT_START = frozenset(sys.modules)

from .context import CallContext, Context  # noqa: E402
from .errors import DcfError  # noqa: E402
from .request import Request  # noqa: E402
from .response import Response  # noqa: E402

__all__ = ["CallContext", "Context", "DcfError", "Request", "Response"]
