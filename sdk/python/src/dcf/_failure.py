"""Classifies failed attempts, and decides whether there is another one."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Optional

import grpc

from ._proxy import Proxy

#: Seconds. A daemon that restarts is back within them; that none is there is reported soon.
_CONNECT_GRACE = 2.0
#: Seconds of exponential back-off.
_INITIAL_DELAY = 0.05
_MAX_DELAY = 2.0

#: Details of gRPC when no connection could be made, so that nothing was sent.
_UNSENT = re.compile(r"failed to connect to all addresses|resolution failed|errors? resolving|empty address list", re.I)

#: Details of gRPC for a call that the server has certainly not processed (https://www.rfc-editor.org/rfc/rfc9113#section-8.7): it reset the
#: stream with REFUSED_STREAM, or sent a GOAWAY that names an earlier stream as its last one. If a connection closes after a GOAWAY, the
#: details of the other calls begin with what closed it: these may have run.
_REFUSED = re.compile(
    r"(Stream removed \()?((RST_STREAM \()?Received RST_STREAM with error code 7|GOAWAY received(; Error code: \d+; Debug Text: .*)?)\)*", re.S
)

_CONNECT_PROBLEMS = (
    (re.compile(r"create security handshaker", re.I), "a certificate or key in Tls(…) cannot be read: give PEM texts"),
    (re.compile(r"CERTIFICATE_VERIFY_FAILED|Peer name|hostname verif", re.I), "its certificate is not trusted. Name its authority in Tls(ca=…)"),
    (re.compile(r"SSL|TSI|handshake", re.I), "the TLS handshake failed. Leave out https:// and tls if the daemon does not use TLS"),
    (re.compile(r"No such file or directory", re.I), "there is no such socket. Start one with dcfd, or set DCF_URL"),
    (re.compile(r"Permission denied", re.I), "this user may not connect to it. Run this as the user of the daemon, or let that one allow it"),
    (re.compile(r"Connection refused", re.I), "connection refused. Start one with dcfd, or set DCF_URL"),
    (re.compile(r"resolution failed|resolving|empty address list", re.I), "the host name is not known"),
)

_PROXY_PROBLEMS = (
    (re.compile(r"No such file or directory", re.I), "there is no such socket. Start one with dcfd, or set DCF_URL"),
    (re.compile(r"Permission denied", re.I), "this user may not connect to it. Run this as the user of the daemon, or let that one allow it"),
    (re.compile(r"Connection refused", re.I), "the connection to it was refused"),
    (re.compile(r"response code 407", re.I), "it does not accept the credentials"),
    (re.compile(r"resolution failed|resolving|empty address list|DNS", re.I), "its name is not known"),
    (re.compile(r"CERTIFICATE_VERIFY_FAILED|Peer name|hostname verif", re.I), "the daemon's certificate is not trusted"),
    (re.compile(r"timed? ?out|unreachable", re.I), "it cannot be reached"),
)


@dataclass(frozen=True)
class Failure:
    """How far an attempt came, and the daemon's answer to it."""

    error: grpc.RpcError
    code: str
    details: str
    #: Whether nothing was sent, because there was no connection.
    unsent: bool
    #: Whether the daemon refused the call before it processed anything of it.
    refused: bool
    #: Whether the daemon says that the call was not started.
    not_started: bool
    #: Seconds after which the daemon asks for another try; negative: never; None: it did not say.
    pushback: Optional[float]
    reason: Optional[str]
    report: Optional[str]
    request_id: Optional[str]


def classify(error: grpc.RpcError) -> Failure:
    """Classifies an error of grpcio, which says UNAVAILABLE both when a connection broke and when none could be made."""
    code: str = error.code().name
    details = error.details() or ""
    trailers = {key: value for key, value in (error.trailing_metadata() or ()) if isinstance(value, str)}
    pushback = trailers.get("grpc-retry-pushback-ms")
    return Failure(
        error=error,
        code=code,
        details=details,
        unsent=code == "UNAVAILABLE" and not trailers and _UNSENT.search(details) is not None,
        refused=code == "UNAVAILABLE" and not trailers and not error.initial_metadata() and _REFUSED.fullmatch(details) is not None,
        not_started=trailers.get("dcf-not-started") == "1",
        pushback=None if pushback is None else int(pushback) / 1000 if re.fullmatch(r"\d{1,9}", pushback) else -1.0,
        reason=trailers.get("dcf-reason"),
        report=trailers.get("dcf-report"),
        request_id=trailers.get("dcf-request-id"),
    )


def retry_delay(failure: Failure, attempts: int, elapsed: float, wait_for_ready: bool) -> Optional[float]:
    """Seconds until the next attempt; None when there must be none: the call may have run, or would fail again."""
    backoff = min(_INITIAL_DELAY * 2 ** min(attempts - 1, 10), _MAX_DELAY) * random.uniform(0.8, 1.2)
    if failure.unsent:
        return backoff if wait_for_ready or elapsed + backoff < _CONNECT_GRACE else None
    if failure.refused:
        return backoff
    if failure.pushback is not None and failure.pushback < 0:
        return None
    pushed = None if failure.pushback is None else failure.pushback * random.uniform(1.0, 1.2)
    # The daemon sends a push-back with a full queue, but not with other limits, such as that of the payload.
    if failure.code == "RESOURCE_EXHAUSTED":
        return pushed
    if failure.code == "UNAVAILABLE" and failure.not_started:
        return backoff if pushed is None else pushed
    return None


def message_of(failure: Failure, shown: str, timeout: float, proxy: Optional[Proxy] = None) -> str:
    """The message of a failure, for the caller."""
    if failure.unsent and proxy is not None:
        advice = f"Add {shown.rpartition(':')[0].strip('[]')} to no_proxy to connect without the proxy, or correct {proxy.variable}"
        reason = next((problem for pattern, problem in _PROXY_PROBLEMS if pattern.search(failure.details)), "it cannot be reached, or refuses the connection")
        return f"no DCF daemon answers at {shown} through the proxy {proxy.shown}, which the variable {proxy.variable} names: {reason}. {advice}"
    if failure.unsent:
        for pattern, problem in _CONNECT_PROBLEMS:
            if pattern.search(failure.details):
                return f"no DCF daemon answers at {shown}: {problem}"
        return f"no DCF daemon answers at {shown}: {failure.details}"
    if failure.refused:
        return f"the DCF daemon at {shown} refused the call before it began"
    if failure.code == "DEADLINE_EXCEEDED" and "deadline exceeded" in failure.details.lower():
        return f"the DCF daemon at {shown} gave no answer within the timeout of {timeout:g} s"
    if failure.code == "UNAVAILABLE" and not failure.not_started and failure.report is None:
        return f"the connection to the DCF daemon at {shown} broke ({failure.details}): the call may have run, so it was not tried again"
    return failure.details or f"the DCF daemon at {shown} answered {failure.code} without a message"
