from __future__ import annotations

import os
from typing import Dict, Optional, Tuple, Union

from ._address import DEFAULT_PORT
from ._client import Client, Input
from ._options import Timeout

_clients: Dict[Tuple[int, str], Client] = {}


def dcf(
    url: Optional[str] = None,
    service: str = "",
    arg: Input = b"",
    *,
    timeout: Optional[Timeout] = None,
) -> Union[str, bytes]:
    """
    Calls a function: ``dcf(url="localhost:32222", service="hello", arg="Ada")``. One connection is kept for each URL.

    :param url: as for ``Client``. The default is the environment's DCF_URL, with the token in DCF_TOKEN, or else this machine
    :param service: the function's name
    :param arg: the input; a string is sent as UTF-8
    :param timeout: of the call with all of its attempts: seconds, or a text such as ``'5s'``. The default is 60 s
    :returns: the output as a string, or as bytes if it is not valid UTF-8
    :raises DcfError: as ``Client.invoke`` does
    """
    output = shared_client(url).invoke(service, arg, timeout=timeout, report=False).output
    try:
        return output.decode("utf-8")
    except UnicodeDecodeError:
        return output


def shared_client(url: Optional[str]) -> Client:
    """The client for a URL, made at its first use. A forked process makes its own, because processes cannot share a connection."""
    # DCF_TOKEN is only sent to the daemon that DCF_URL names.
    token = os.environ.get("DCF_TOKEN") if url is None else None
    found = url if url is not None else os.environ.get("DCF_URL", f"localhost:{DEFAULT_PORT}")
    key = (os.getpid(), f"{found} {token}")
    client = _clients.get(key)
    if client is None:
        # Without a lock, which a thread of the parent could hold while this process is forked: nobody would release it here.
        made = Client(found, token=token)
        client = _clients.setdefault(key, made)
        if client is not made:
            made.close()
    return client
