"""Calls functions of a DCF daemon: `dcf(...)` makes a single call, `Client` keeps a connection and has all options."""

try:
    import grpc as _grpc  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "grpc":
        raise
    raise ModuleNotFoundError("the package dcf needs grpcio, which is not installed: run pip install grpcio", name="grpc") from None

from ._call import dcf
from ._client import Client
from ._errors import DcfError
from ._options import Tls
from ._result import Report, Result
from ._stream import Stream

__all__ = ["Client", "DcfError", "Report", "Result", "Stream", "Tls", "dcf"]
