from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from ._result import Report


class DcfError(Exception):
    """The error of a failed call: a gRPC status code such as ``NOT_FOUND``, and a message."""

    def __init__(
        self,
        code: str,
        message: str,
        reason: Optional[str] = None,
        *,
        retry_after: Optional[float] = None,
        report: Optional[Report] = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        #: For programs: how the worker ended that ran the call, such as ``exit:1``, or the reason that the function gave.
        self.reason = reason
        #: Seconds after which another try makes sense; None if the daemon named none.
        self.retry_after = retry_after
        #: The daemon's report of the call; None if there is none.
        self.report = report
