"""What runs in a Python replica. For functions: `from dcf_worker import DcfError, Response`."""

from .errors import DcfError
from .response import Response

__all__ = ["DcfError", "Response"]
