from __future__ import annotations

import ipaddress
import os
import re
import sys
from dataclasses import dataclass
from typing import Optional, Union

from ._errors import DcfError

DEFAULT_PORT = 32222

_URL = re.compile(r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\[[^\]]*\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?/?")
_TLS_BY_SCHEME = {None: None, "dcf": None, "http": False, "https": True}


#: Most bytes of the path of a Unix socket: the system's structure of 108 (104 beyond Linux) ends with a zero.
_MAX_SOCKET_PATH = 107 if sys.platform == "linux" else 103
#: As gRPC has it: with an empty authority or without one.
_SOCKET = re.compile(r"unix:(?://(?=/))?(?P<path>/[^/\s\x00-\x1f\x7f-\x9f][^\s\x00-\x1f\x7f-\x9f]*)")


@dataclass(frozen=True)
class UnixAddress:
    """The Unix socket of a daemon on this machine."""

    #: ``unix:/path``.
    shown: str
    path: str


@dataclass(frozen=True)
class TcpAddress:
    """The port of a daemon."""

    #: ``host:port``, IPv6 in brackets.
    shown: str
    #: Whether the scheme of the URL asks for TLS; None when it has no scheme, or dcf.
    tls: Optional[bool]
    #: The host without brackets.
    host: str
    port: int


Address = Union[TcpAddress, UnixAddress]


def parse_address(url: str) -> Address:
    """
    Reads ``localhost``, ``localhost:32222``, ``[::1]:32222``, ``dcf://…``, ``http://…`` (plaintext), ``https://…`` (TLS), or ``unix:/path``
    for a Unix socket.

    :raises DcfError: INVALID_ARGUMENT for anything else
    """
    if isinstance(url, str) and url.startswith(("unix:", "unix-")):
        return _parse_socket(url)
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
    return TcpAddress(f"{host}:{port}", _TLS_BY_SCHEME[scheme], host.strip("[]"), port)


def _parse_socket(url: str) -> UnixAddress:
    match = _SOCKET.fullmatch(url)
    if match is None:
        raise _bad(url, "write unix:/PATH, an absolute path without blanks, such as unix:/run/dcf/dcf.sock")
    path = match["path"]
    length = len(os.fsencode(path))
    if length > _MAX_SOCKET_PATH:
        raise _bad(url, f"its path has {length} bytes, and a Unix socket's has at most {_MAX_SOCKET_PATH}")
    return UnixAddress(f"unix:{path}", path)


def _bad(url: object, advice: str) -> DcfError:
    return DcfError("INVALID_ARGUMENT", f"{url!r} is not a URL of a DCF daemon: {advice}")
