"""Processes that a function forks. The stream and all work of the runtime stay with their parent."""

from __future__ import annotations

import os
import sys

from .exit import exit_code_of, flush_streams


def follow_forks(link, output, calls) -> None:
    """Has each process that is forked from now on leave the stream alone, and print to descriptors 1 and 2.

    Its locks are replaced: threads that exist only in the parent may hold the inherited ones. `calls` returns the calls, or None.
    """

    def in_child() -> None:
        link.abandon()
        output.abandon()
        current = calls()
        if current is not None:
            current.abandon()

    os.register_at_fork(after_in_child=in_child)


def end_child(*_) -> None:
    """Ends a forked child whose code has returned to the runtime.

    Functions registered with atexit do not run: they are the parent's, and that of multiprocessing would end the parent's other children.
    """
    flush_streams()
    os._exit(0)


def fail_child(error: BaseException) -> None:
    """Ends a forked child for an exception, with the code that sys.exit() was given, or 1."""
    code = 1
    if isinstance(error, SystemExit):
        code = exit_code_of(error)
    else:
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
    flush_streams()
    os._exit(code)
