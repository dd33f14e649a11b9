from __future__ import annotations

import os
import threading
from typing import Dict, Optional, Tuple, Union

from ._address import DEFAULT_PORT
from ._client import Client, Input
from ._options import Timeout

_clients: Dict[Tuple[int, str], Client] = {}
_lock = threading.Lock()


def dcf(
    url: Optional[str] = None,
    service: str = "",
    arg: Input = b"",
    *,
    timeout: Optional[Timeout] = None,
) -> Union[str, bytes]:
    """
    Calls a function: ``dcf(url="localhost:32222", service="hello", arg="Ada")``. It keeps one connection for each URL.

    :param url: as Client takes it; without one the variables DCF_URL and DCF_TOKEN count, and then this machine
    :param arg: the input; a string is sent as UTF-8
    :returns: the output as text, or as bytes where it is no UTF-8
    :raises DcfError: as Client.invoke does
    """
    output = shared_client(url).invoke(service, arg, timeout=timeout, report=False).output
    try:
        return output.decode("utf-8")
    except UnicodeDecodeError:
        return output


def shared_client(url: Optional[str]) -> Client:
    """The client of a URL, made at its first use. A process that was forked makes its own: a connection cannot be shared."""
    # A token is for the daemon that the same environment names, and for no other.
    token = os.environ.get("DCF_TOKEN") if url is None else None
    found = url if url is not None else os.environ.get("DCF_URL", f"localhost:{DEFAULT_PORT}")
    key = (os.getpid(), f"{found} {token}")
    with _lock:
        client = _clients.get(key)
        if client is None:
            client = _clients[key] = Client(found, token=token)
        return client
