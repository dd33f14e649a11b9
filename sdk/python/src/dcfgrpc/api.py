"""The function dcf for scripts of the original DCF: `from dcfgrpc.api import dcf`."""

from __future__ import annotations

from typing import Any, Union

from dcf._call import dcf as _dcf
from dcf._errors import DcfError

import grpc

__all__ = ["dcf"]

#: Seconds. The original set no timeout. That of the function still applies.
_TIMEOUT = 24 * 3600.0


def dcf(**kwargs: Any) -> Union[str, bytes]:
    """
    Calls a function as the original's ``dcf(url=…, service=…, arg=…)`` does: it returns a string, and a failed call raises grpcio's own
    error. Unlike the original it returns output that is not valid UTF-8 as bytes, and takes a string as ``arg``, too.

    :raises grpc.RpcError: when the call fails
    """
    service, arg = kwargs.get("service"), kwargs.get("arg")
    if not (service and arg):
        raise Exception("dcf() takes at least the arguments service and arg; url is optional")
    try:
        return _dcf(kwargs.get("url"), service, arg, timeout=_TIMEOUT)
    except DcfError as error:
        if isinstance(error.__cause__, grpc.RpcError):
            raise error.__cause__ from None
        raise
