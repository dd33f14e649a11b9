"""What runs in a Python replica.

For functions: `from dcf_worker import Context, DcfError, Request, Response`; for their tests `from dcf_worker.testing import load_function`.
All other modules belong to the runtime and may change.
"""

import sys

# The modules that a bare interpreter has loaded: a function's own modules cannot take their place.
MODULES_AT_START = frozenset(sys.modules)

from .calls.request import Request  # noqa: E402
from .context import CallContext, Context  # noqa: E402
from .errors import DcfError  # noqa: E402
from .replies.response import Response  # noqa: E402

__all__ = ["CallContext", "Context", "DcfError", "Request", "Response"]
