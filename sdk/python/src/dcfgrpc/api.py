"""`from dcfgrpc.api import dcf`, as scripts for the original DCF say it."""

from __future__ import annotations

from typing import Any, Union

import grpc
from dcf._call import dcf as _dcf
from dcf._errors import DcfError

__all__ = ["dcf"]

#: The original set none, so a call took what its function took. The function's own timeout still holds.
_TIMEOUT = 24 * 3600.0


def dcf(**kwargs: Any) -> Union[str, bytes]:
    """
    Calls a function, as the original's ``dcf(url=…, service=…, arg=…)`` does: what is returned is text, and a failed call
    raises grpcio's own error. Output that is no text, at which the original broke, is returned as bytes; ``arg`` may be text.

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
