"""How the process ends."""

from __future__ import annotations

import atexit
import os
import sys


def exit_code_of(error: SystemExit) -> int:
    """What sys.exit() was given, as the interpreter reads it: a number, nothing, or words for stderr."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def leave(code: int) -> None:
    """Ends the process at once, from any thread: what a Handler has left running would hold up an ordinary exit for ever."""
    try:
        atexit._run_exitfuncs()
    except BaseException as error:
        sys.stderr.write(f"at exit: {error}\n")
    try:
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            stream.flush()
        if "ctypes" in sys.modules:
            # What C libraries have printed may wait in memory of their own.
            sys.modules["ctypes"].CDLL(None).fflush(None)
    except Exception:
        pass
    os._exit(code)
