"""Calls functions of a DCF daemon: `dcf(...)` makes a single call, `Client` keeps a connection and has all options."""

from ._call import dcf
from ._client import Client
from ._errors import DcfError
from ._options import Tls
from ._result import Report, Result
from ._stream import Stream

__all__ = ["Client", "DcfError", "Report", "Result", "Stream", "Tls", "dcf"]
