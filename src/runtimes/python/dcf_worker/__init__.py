"""What runs in a Python replica. For functions: `from dcf_worker import DcfError`."""

from .errors import DcfError

__all__ = ["DcfError"]
