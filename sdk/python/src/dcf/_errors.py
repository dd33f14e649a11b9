from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple, Type

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

    def __reduce__(self) -> Tuple[Any, ...]:
        # Without it pickle would call DcfError(message): a pool of processes would wait for ever for the result of a task that raised one.
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(kind: Type[DcfError], args: Tuple[Any, ...]) -> DcfError:
    return kind.__new__(kind, *args)
