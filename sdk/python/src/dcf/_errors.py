from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from ._result import Report


class DcfError(Exception):
    """Why a call failed: a gRPC status code such as ``NOT_FOUND``, and a message for people."""

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
        #: How a worker ended under the call, machine-readable.
        self.reason = reason
        #: After how many seconds it makes sense to try again.
        self.retry_after = retry_after
        #: What the daemon told of the call that failed.
        self.report = report
