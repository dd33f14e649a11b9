"""Checks the options that callers give. A wrong one is a DcfError INVALID_ARGUMENT, raised before anything is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Mapping, Optional, Tuple, Union
from urllib.parse import quote, urlencode

from ._address import Address, UnixAddress
from ._errors import DcfError

Pem = Union[str, bytes]
Timeout = Union[int, float, str]
Headers = List[Tuple[str, str]]

DEFAULT_TIMEOUT = 60.0
#: Seconds. A longer timeout does not fit the 32-bit timers of the daemon, which would read it as the past.
MAX_TIMEOUT = 24 * 86_400.0

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_KEY = re.compile(r"[0-9a-z_.-]+")
#: Values that an HTTP/2 header carries unchanged.
_VALUE = re.compile(r"(?! )[\x20-\x7e]*(?<! )")
_RESERVED = {
    *("authorization", "content-type", "content-length", "te", "user-agent", "host"),
    *("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings"),
}
#: Bytes of all keys and values. Servers drop calls with more than 64 KiB of headers, and send no error.
_MAX_HEADERS = 32 * 1024


@dataclass(frozen=True)
class Tls:
    """
    Certificates and keys of a TLS connection, as PEM texts. Without ``ca`` the authorities that grpcio brings are trusted; ``cert`` and
    ``key`` prove who calls.
    """

    ca: Optional[Pem] = None
    cert: Optional[Pem] = None
    key: Optional[Pem] = None
    #: The name in the daemon's certificate, if it differs from the host of the URL.
    server_name: Optional[str] = None


def read_timeout(given: Optional[Timeout], fallback: float) -> float:
    """A timeout in seconds: the given one, or ``fallback``. At most 24 days."""
    if given is None:
        return fallback
    seconds: Optional[float] = None
    if isinstance(given, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", given)
        seconds = None if match is None else float(match[1]) * _UNITS[match[2]]
    elif isinstance(given, (int, float)) and not isinstance(given, bool):
        seconds = float(given)
    if seconds is None or not seconds > 0:
        raise DcfError("INVALID_ARGUMENT", f"the timeout is {given!r}: give seconds above 0, or a text such as '5s'")
    return min(seconds, MAX_TIMEOUT)


def read_tls(tls: Union[bool, Tls, None], address: Address) -> Optional[Tls]:
    """The TLS of a connection; None for plaintext."""
    if isinstance(address, UnixAddress):
        if tls is None or tls is False:
            return None
        raise DcfError("INVALID_ARGUMENT", f"{address.shown} is a Unix socket, which has no TLS: leave tls out")
    by_url, shown = address.tls, address.shown
    if tls is None or tls is False:
        return Tls() if by_url else None
    if by_url is False:
        raise DcfError("INVALID_ARGUMENT", f"the URL says http, but tls is given: write https://{shown}, or leave tls out")
    given = Tls() if tls is True else tls
    if (given.cert is None) != (given.key is None):
        raise DcfError("INVALID_ARGUMENT", "tls: cert and key belong together: give both or neither")
    return given


def read_headers(
    token: Optional[str],
    alias: Optional[str],
    request_id: Optional[str],
    metadata: Optional[Mapping[str, str]],
    query: Union[str, Mapping[str, str], None] = None,
    content_type: Optional[str] = None,
    report: bool = False,
) -> Headers:
    """The headers of a call, checked: a wrong one would break the connection or be changed on the way. ``report``: whether one is asked for."""
    headers: Headers = []

    def add(key: str, value: str, shown: str) -> None:
        if not isinstance(value, str) or _VALUE.fullmatch(value) is None:
            raise _bad(shown, "must be printable ASCII that does not begin or end with a space")
        headers.append((key, value))

    if token is not None:
        add("authorization", f"Bearer {token}", "the token")
    if alias is not None:
        add("dcf-alias", alias, "the alias")
    if request_id is not None:
        add("dcf-request-id", request_id, "the request_id")
    if query:
        # Characters that a URL cannot have are encoded. Percent codes that are there stay as they are.
        text = quote(query, safe="%;/?:@&=+$,!~*'()[]") if isinstance(query, str) else urlencode(query)
        add("dcf-query", text, "the query")
    if content_type is not None:
        add("dcf-content-type", content_type, "the content_type")
    for name, value in (metadata or {}).items():
        key = name.lower()
        shown = f"metadata[{name!r}]"
        if _KEY.fullmatch(key) is None:
            raise _bad(shown, "has a key with a character that is not allowed: use letters, digits, '_', '-' and '.'")
        if key.endswith("-bin"):
            raise _bad(shown, "has a key that ends with -bin, which gRPC keeps for bytes: choose another")
        if key in _RESERVED or key.startswith(("grpc-", "dcf-")):
            raise _bad(shown, "has a reserved key: choose another")
        add(key, value, shown)
    size = sum(len(key) + len(value) for key, value in headers)
    if size > _MAX_HEADERS:
        raise _bad("the metadata", f"has {size} bytes; at most {_MAX_HEADERS} are allowed: send it in the input")
    if report:
        headers.append(("dcf-report", "1"))
    return headers


def _bad(what: str, problem: str) -> DcfError:
    return DcfError("INVALID_ARGUMENT", f"{what} {problem}")
