"""Finds the proxy that the environment names for a daemon, by the same rules as the SDK for TypeScript."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Mapping, Optional, Union
from urllib.parse import urlsplit

#: The variables that gRPC reads, and those in capitals that curl reads. Like curl it ignores HTTP_PROXY.
_PROXIES = ("grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy")
_EXCEPT = ("no_grpc_proxy", "no_proxy", "NO_PROXY")

_Number = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy, which is used with CONNECT."""

    #: ``host:port``, without credentials.
    shown: str
    #: The URL for gRPC, with credentials.
    url: str
    #: The variable that names the proxy.
    variable: str


def is_loopback(host: str) -> bool:
    """Whether a name or address always means this machine. ``0.0.0.0`` and ``::`` do, too."""
    name = _bare(host)
    number = _number(name)
    if number is None:
        return name == "localhost" or name.endswith(".localhost")
    mapped = getattr(number, "ipv4_mapped", None) or number
    return mapped.is_loopback or number.is_unspecified


def proxy_for(host: str, port: int, environment: Mapping[str, str]) -> Optional[Proxy]:
    """
    The proxy for a daemon; None to connect without one. None is used for this machine, nor for what ``no_proxy`` lists: names (with all
    names below them), addresses, networks such as 10.0.0.0/8, each with or without a port, or ``*``.
    """
    if is_loopback(host):
        return None
    variable = next((name for name in _PROXIES if environment.get(name, "").strip()), None)
    if variable is None:
        return None
    proxy = _parse(environment[variable].strip(), variable)
    excepted = next((environment[name] for name in _EXCEPT if environment.get(name, "").strip()), "")
    if proxy is None or any(_covers(entry, _bare(host), port) for entry in re.split(r"[\s,]+", excepted) if entry):
        return None
    return proxy


def _parse(text: str, variable: str) -> Optional[Proxy]:
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or not host:
        return None
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    user = parts.netloc.rpartition("@")[0]
    return Proxy(shown, f"http://{user}@{shown}" if user else f"http://{shown}", variable)


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    number = _number(host)
    base, slash, bits = entry.partition("/")
    if slash and _number(_bare(base)) is not None:
        try:
            network = ipaddress.ip_network(f"{_bare(base)}/{int(bits)}", strict=False)
        except ValueError:
            return False
        return number is not None and number in network
    if _number(entry) is None:
        match = re.fullmatch(r"(\[[^\]]+\]|[^:]+)(?::(\d+))?", entry)
        if match is None or (match[2] is not None and int(match[2]) != port):
            return False
        entry = match[1]
    name = re.sub(r"^\*?\.+", "", _bare(entry))
    wanted = _number(name)
    if wanted is not None:
        return number == wanted
    return name != "" and (host == name or host.endswith(f".{name}"))


def _bare(host: str) -> str:
    return re.sub(r"\.$", "", host.lower().strip("[]"))


def _number(text: str) -> Optional[_Number]:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
