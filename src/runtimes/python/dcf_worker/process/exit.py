"""How a worker's process ends."""

from __future__ import annotations

import atexit
import os
import sys
from time import monotonic

# Seconds that threads and processes of the function may take to end when the worker ends.
_LEFT_RUNNING_GRACE = 2.0


def exit_code_of(error: SystemExit) -> int:
    """The exit code for sys.exit(value), as the interpreter computes it. A value other than a number or None is written to stderr."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def end_process(code: int) -> None:
    """Ends the process from any thread. An ordinary exit would wait for ever for threads that a Handler has left running."""
    try:
        _end_left_running(monotonic() + _LEFT_RUNNING_GRACE)
        atexit._run_exitfuncs()
    except BaseException as error:
        sys.stderr.write(f"a function registered with atexit failed: {error}\n")
    flush_streams()
    os._exit(code)


def flush_streams() -> None:
    """Writes what is buffered in memory by Python's streams and by the C library's."""
    try:
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            stream.flush()
        if "ctypes" in sys.modules:
            # Output of C libraries has its own buffer.
            sys.modules["ctypes"].CDLL(None).fflush(None)
    except Exception:
        pass


def _end_left_running(until: float) -> None:
    """Ends pools of threads and processes, and children of multiprocessing. Their own exit functions would wait for them without a limit."""
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
    """Does what an ordinary exit does first: tells the pools to end, and waits for them, here until `until`."""
    import threading

    ending = [call for call in reversed(getattr(threading, "_threading_atexits", ()))]
    if not ending:
        return
    thread = threading.Thread(target=lambda: [call() for call in ending], name="dcf-exit", daemon=True)
    thread.start()
    thread.join(max(0.0, until - monotonic()))
