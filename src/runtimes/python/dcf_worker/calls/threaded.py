"""Several calls at once for a Handler that is not `async`: each in a thread, while the main thread reads."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from time import monotonic

from .base import Calls
from .request import Request
from .streams import cancelled

_LOOK_AGAIN_MS = 20
# Seconds that calls may go on after the stream has ended.
ORPHAN_GRACE = 5.0


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
            if self._threads < min(self._busy, self.concurrency):
                self._threads += 1
                threading.Thread(target=self._work, name=f"dcf-{self._threads}", daemon=True).start()
        self._jobs.put(item)

    def start_waiting(self) -> None:
        while True:
            with self._lock:
                if self._busy >= self.concurrency or not self.waiting:
                    return
                request = self.waiting.popleft()
            self._start_ahead(request)

    def _start_ahead(self, request: Request) -> None:
        started = self.begin(request)
        if started is None:
            return
        self.link.send(started)
        self.start(request)

    def _work(self) -> None:
        while True:
            item = self._jobs.get()
            self._run(item) if isinstance(item, Request) else self._run_batch(item)
            with self._lock:
                self._busy -= 1
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
        # Copied, because another thread may write it later, when the Handler may have changed a bytearray.
        self.link.send_soon(head, body if type(body) is bytes else bytes(body or b""))

    def _run_batch(self, batch: list[Request]) -> None:
        self.enter(batch[0] if len(batch) == 1 else None)
        for frame in self.batch_frames(batch):
            self.link.send(frame)
        self.enter(None)
