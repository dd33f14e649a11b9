from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Optional

from ._errors import DcfError

DEFAULT_PORT = 32222

_URL = re.compile(r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\[[^\]]*\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?/?")
_TLS_BY_SCHEME = {None: None, "dcf": None, "http": False, "https": True}


@dataclass(frozen=True)
class Address:
    """The address of a daemon."""

    #: ``host:port``, IPv6 in brackets.
    shown: str
    #: Whether the scheme of the URL asks for TLS; None when it has no scheme, or dcf.
    tls: Optional[bool]
    #: The host without brackets.
    host: str
    port: int


def parse_address(url: str) -> Address:
    """
    Reads ``localhost``, ``localhost:32222``, ``[::1]:32222``, ``dcf://…``, ``http://…`` (plaintext) or ``https://…`` (TLS).

    :raises DcfError: INVALID_ARGUMENT for anything else
    """
    match = _URL.fullmatch(url) if isinstance(url, str) else None
    if match is None:
        raise _bad(url, f"write HOST:PORT, such as localhost:{DEFAULT_PORT}")
    scheme, host, port = match["scheme"], match["host"], int(match["port"] or DEFAULT_PORT)
    if scheme not in _TLS_BY_SCHEME:
        raise _bad(url, f"the scheme {scheme} is not known: use dcf, http or https")
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise _bad(url, f"{host} is not an IPv6 address") from None
    if not 1 <= port <= 65_535:
        raise _bad(url, "a port is a number from 1 to 65535")
    return Address(f"{host}:{port}", _TLS_BY_SCHEME[scheme], host.strip("[]"), port)


def _bad(url: object, advice: str) -> DcfError:
    return DcfError("INVALID_ARGUMENT", f"{url!r} is not a URL of a DCF daemon: {advice}")
