from __future__ import annotations

import threading
import time
from typing import Callable


class IdleTimer:
    """
    Calls ``on_passed`` when nothing has moved for ``seconds`` while the caller waits for a chunk. While it does not wait, no time is
    counted. The thread lives while the caller waits, and for one timeout more.
    """

    def __init__(self, seconds: float, on_passed: Callable[[], None]) -> None:
        self._seconds = seconds
        self._on_passed = on_passed
        self._lock = threading.Lock()
        self._watched = False
        self._waiting = False
        self._moved = 0.0
        self._stopped = threading.Event()
        self.passed = False

    def wait(self) -> None:
        """The caller begins to wait."""
        with self._lock:
            self._waiting = True
            self._moved = time.monotonic()
            if self._watched:
                return
            self._watched = True
        threading.Thread(target=self._watch, name="dcf-idle", daemon=True).start()

    def touch(self) -> None:
        """A chunk was sent or received."""
        self._moved = time.monotonic()

    def pause(self) -> None:
        """The caller has stopped waiting."""
        self._waiting = False

    def stop(self) -> None:
        """Ends the timer for good."""
        self._stopped.set()

    def _watch(self) -> None:
        left = self._seconds
        while not self._stopped.wait(left):
            with self._lock:
                if not self._waiting:
                    self._watched = False
                    return
                left = self._moved + self._seconds - time.monotonic()
                if left <= 0:
                    self.passed = True
                    break
        if self.passed:
            self._on_passed()
