from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class Report:
    """How a call went. Values that the daemon did not send are ``None``. Times are in milliseconds, memory in bytes."""

    #: Time from the call of ``invoke`` to its output, with all attempts.
    total_ms: float
    #: Number of attempts. There is another one only when the one before has certainly not started the call.
    attempts: int
    id: Optional[str] = None
    revision: Optional[str] = None
    replica: Optional[int] = None
    worker: Optional[int] = None
    queue_ms: Optional[float] = None
    run_ms: Optional[float] = None
    batch_size: Optional[int] = None
    providers: Tuple[str, ...] = ()
    cold: Optional[bool] = None
    memory: Optional[int] = None
    peak_memory: Optional[int] = None


@dataclass(frozen=True)
class Result:
    """The output of a call, and its report."""

    output: bytes
    report: Report

    @property
    def text(self) -> str:
        """The output as text. Raises UnicodeDecodeError if it is not valid UTF-8."""
        return self.output.decode("utf-8")


def read_report(told: Optional[str], request_id: Optional[str], total_ms: float, attempts: int) -> Report:
    """The report of a call. ``told`` is the daemon's part of it, from the trailer ``dcf-report``."""
    try:
        given = json.loads(told) if told is not None else None
    except ValueError:
        given = None
    if not isinstance(given, dict):
        return Report(total_ms, attempts, id=request_id)
    return Report(
        total_ms,
        attempts,
        id=given.get("id", request_id),
        revision=given.get("revision"),
        replica=given.get("replica"),
        worker=given.get("worker"),
        queue_ms=given.get("queueMs"),
        run_ms=given.get("runMs"),
        batch_size=given.get("batchSize"),
        providers=tuple(given.get("providers", ())),
        cold=given.get("cold"),
        memory=given.get("memory"),
        peak_memory=given.get("peakMemory"),
    )
