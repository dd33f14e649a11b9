"""Several calls at once for a Handler that is not `async`: each in a thread, while the main thread reads."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from time import monotonic

from .base import ORPHAN_GRACE, Calls
from .request import Request
from .streams import cancelled

_LOOK_AGAIN_MS = 20


class ThreadedCalls(Calls):
    """Up to `concurrency` threads, started when they are needed."""

    def __init__(self, target, link, output, init: dict) -> None:
        super().__init__(target, link, output, init)
        link.turns = False
        self._lock = threading.Lock()
        self._jobs: SimpleQueue = SimpleQueue()
        self._threads = 0
        #: Number of calls and batches that have a thread, or wait for one that is about to be free.
        self._busy = 0

    def serve(self) -> None:
        while not (self.link.ended or self.leaving):
            self.link.receive()
        if self.link.ended:
            self.cancel_all()
        until = monotonic() + ORPHAN_GRACE
        while self._busy > 0 or self.waiting:
            self.link.poll(_LOOK_AGAIN_MS)
            if self.link.ended:
                threading.Event().wait(_LOOK_AGAIN_MS / 1000)
                if monotonic() > until:
                    return
            else:
                until = monotonic() + ORPHAN_GRACE

    def start(self, item: Request | list[Request]) -> None:
        with self._lock:
            self._busy += 1
        self._hand_over(item)

    def start_waiting(self) -> None:
        while True:
            with self._lock:
                if self._busy >= self.concurrency or not self.waiting:
                    return
                request = self.waiting.popleft()
                # Counted with the lock held: otherwise `serve` could end, or another thread take the same place, before it has begun.
                self._busy += 1
            started = self.begin(request)
            if started is not None:
                self.link.send(started)
                self._hand_over(request)
            else:
                self._free_slot()

    def _hand_over(self, item: Request | list[Request]) -> None:
        """Gives a call or batch that is counted in `_busy` to a thread."""
        with self._lock:
            if self._threads < min(self._busy, self.concurrency):
                self._threads += 1
                threading.Thread(target=self._work, name=f"dcf-{self._threads}", daemon=True).start()
        self._jobs.put(item)

    def _free_slot(self) -> None:
        with self._lock:
            self._busy -= 1

    def _work(self) -> None:
        while True:
            item = self._jobs.get()
            self._run(item) if isinstance(item, Request) else self._run_batch(item)
            self._free_slot()
            self.start_waiting()

    def _run(self, request: Request) -> None:
        self.enter(request)
        try:
            if request.was_cancelled:
                raise cancelled()
            reply = self.target.handle(request)
            # Looked up after the call: in a forked child `abandon` has replaced it.
            body = self.body_of(request, reply)
            head = self.end_frame(request) if body is None else self.head_of_result(request, body)
        except BaseException as error:
            head = self.error_frame(request, error)
            body = None
        self.ended(request)
        self.enter(None)
        self._send(head, body or b"")

    def _run_batch(self, batch: list[Request]) -> None:
        self.enter(batch[0] if len(batch) == 1 else None)
        for head, body in self.run_batch(batch):
            self._send(head, body)
        self.enter(None)

    def _send(self, head: bytes, body) -> None:
        # Copied, because another thread may write it later, when the Handler may have changed a bytearray.
        self.link.send_soon(head, body if type(body) is bytes else bytes(body))
