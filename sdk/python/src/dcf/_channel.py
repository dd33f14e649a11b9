from __future__ import annotations

from typing import List, Optional, Tuple, Union
from urllib.parse import quote

import grpc

from ._address import Address, UnixAddress
from ._errors import DcfError
from ._options import Pem, Tls
from ._proxy import Proxy

#: Bytes that a message may have besides the payload: its envelope, or further small chunks of a stream.
_ENVELOPE = 64 * 1024


def open_channel(address: Address, tls: Optional[Tls], max_payload: Optional[int], proxy: Optional[Proxy]) -> grpc.Channel:
    """A connection to a daemon that is kept. It is made with the first call, and again after it broke."""
    options: List[Tuple[str, Union[int, str]]] = [
        # Without these two gRPC would retry on its own, by a policy from DNS. _failure.py decides what is tried again.
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1 if max_payload is None else max_payload + _ENVELOPE),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # Detects a daemon that has vanished, while calls wait for it.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]
    # gRPC would read the environment itself, but knows fewer of its variables and rules.
    options.append(("grpc.enable_http_proxy", 0) if proxy is None else ("grpc.http_proxy", proxy.url))
    # gRPC reads a target as a URI, in which some characters of a path have to be encoded.
    target = f"unix:{quote(address.path)}" if isinstance(address, UnixAddress) else f"dns:///{address.shown}"
    if tls is None:
        return grpc.insecure_channel(target, options)
    if tls.server_name is not None:
        options += [("grpc.ssl_target_name_override", tls.server_name), ("grpc.default_authority", tls.server_name)]
    try:
        credentials = grpc.ssl_channel_credentials(_pem(tls.ca), _pem(tls.key), _pem(tls.cert))
        return grpc.secure_channel(target, credentials, options)
    except (TypeError, ValueError) as error:
        raise DcfError("INVALID_ARGUMENT", f"tls: a certificate or key cannot be read: {error}") from error


def _pem(text: Optional[Pem]) -> Optional[bytes]:
    return text.encode("ascii") if isinstance(text, str) else text
