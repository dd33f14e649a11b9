"""Processes that a function forks: the stream is their parent's, and so is all that the runtime does."""

from __future__ import annotations

import os
import sys

from .exit import exit_code_of, flush_streams


def follow_forks(link, output, calls) -> None:
    """From now on a process that is forked here leaves the stream, and what it prints goes to descriptors 1 and 2.

    Its locks are new ones: those that it has inherited may be held by threads that it does not have.
    """

    def in_child() -> None:
        link.abandon()
        output.abandon()
        current = calls()
        if current is not None:
            current.abandon()

    os.register_at_fork(after_in_child=in_child)


def end_child(*_) -> None:
    """The code that has forked this process has come back to the runtime, which has nothing for it to do.

    What was registered to run at exit is its parent's: in multiprocessing's case it would end its brothers.
    """
    flush_streams()
    os._exit(0)


def fail_child(error: BaseException) -> None:
    """Ends a forked child by an exception: that of sys.exit() says with which code the process ends."""
    code = 1
    if isinstance(error, SystemExit):
        code = exit_code_of(error)
    else:
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
    flush_streams()
    os._exit(code)
