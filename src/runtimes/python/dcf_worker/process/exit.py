"""How the process ends."""

from __future__ import annotations

import atexit
import os
import sys
from time import monotonic

# How long the threads and processes that the function has left running may take to end, in seconds.
_LEFT_RUNNING_GRACE = 2.0


def exit_code_of(error: SystemExit) -> int:
    """What sys.exit() was given, as the interpreter reads it: a number, nothing, or words for stderr."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def end_process(code: int) -> None:
    """Ends the process at once, from any thread: what a Handler has left running would hold up an ordinary exit for ever."""
    try:
        _end_left_running(monotonic() + _LEFT_RUNNING_GRACE)
        atexit._run_exitfuncs()
    except BaseException as error:
        sys.stderr.write(f"at exit: {error}\n")
    flush_streams()
    os._exit(code)


def flush_streams() -> None:
    """Writes what still waits in memory: of Python's streams, and of C's."""
    try:
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            stream.flush()
        if "ctypes" in sys.modules:
            # What C libraries have printed may wait in memory of their own.
            sys.modules["ctypes"].CDLL(None).fflush(None)
    except Exception:
        pass


def _end_left_running(until: float) -> None:
    """Ends pools of threads and processes, and other children of multiprocessing, whose own exit functions would wait for them."""
    if "concurrent.futures" in sys.modules:
        _end_pools(until)
    if "multiprocessing.process" not in sys.modules:
        return
    children = sys.modules["multiprocessing.process"].active_children()
    for child in children:
        if child.daemon:
            child.terminate()
    for child in children:
        child.join(max(0.0, until - monotonic()))
        if child.exitcode is None:
            child.kill()
            child.join()


def _end_pools(until: float) -> None:
    """What an ordinary exit does first: the pools are told to end, and waited for."""
    import threading

    ending = [call for call in reversed(getattr(threading, "_threading_atexits", ()))]
    if not ending:
        return
    thread = threading.Thread(target=lambda: [call() for call in ending], name="dcf-exit", daemon=True)
    thread.start()
    thread.join(max(0.0, until - monotonic()))
