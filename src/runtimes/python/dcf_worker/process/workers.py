"""A replica with several workers: one process for each, because an interpreter runs one thread at a time."""

from __future__ import annotations

import os
import signal
import sys
import traceback

from .exit import end_process

_FIRST = 3
_PR_SET_PDEATHSIG = 1


def serve_processes(count: int, serve) -> None:
    """Forks a process for each worker, before any code of the function is loaded. Never returns.

    serve: serves the worker of a descriptor and returns the exit code. When a worker fails, the others are killed and this process ends
    with the exit code or signal of the failed one.
    """
    finished, finishing = os.pipe()
    os.set_blocking(finished, False)
    children = []
    for index in range(count):
        child = os.fork()
        if child == 0:
            _serve_one(index, count, serve, finished, finishing)
        children.append(child)
    for index in range(count):
        # The daemon would never see the end of a stream while this process has its descriptor open, too.
        os.close(_FIRST + index)
    os.close(finishing)
    _await_end(children, finished)


def _serve_one(index: int, count: int, serve, finished: int, finishing: int) -> None:
    # sys.stderr is replaced while the worker serves: what is printed to it goes to the function's log.
    errors = sys.__stderr__
    try:
        _end_with(os.getppid())
        os.close(finished)
        for other in range(count):
            if other != index:
                os.close(_FIRST + other)
        code = serve(_FIRST + index)
        if code == 0:
            os.write(finishing, b".")
    except BaseException:
        traceback.print_exc(file=errors)
        code = 1
    end_process(code)


def _end_with(parent: int) -> None:
    """Has the kernel kill this process when its parent ends. In an endless loop it would never read the end of its stream."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except Exception:
        return
    if os.getppid() != parent:
        os._exit(1)


def _await_end(children: list[int], finished: int) -> None:
    orderly = 0
    left = set(children)
    while left:
        child, status = os.wait()
        if child not in left:
            continue
        left.discard(child)
        # A worker that was told to end writes one byte before it does; a Handler that calls sys.exit(0) does not.
        orderly += len(_read(finished))
        if orderly >= len(children) - len(left):
            continue
        for other in left:
            os.kill(other, signal.SIGKILL)
        _end_as(status)
    os._exit(0)


def _read(finished: int) -> bytes:
    try:
        return os.read(finished, 4096)
    except BlockingIOError:
        return b""


def _end_as(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)
