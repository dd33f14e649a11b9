"""Calls one at a time in the main thread, without another thread: the fastest way for an ordinary Handler."""

from __future__ import annotations

from time import perf_counter

from .base import LONG_RUN, Calls
from .request import Request
from .streams import cancelled


class SerialCalls(Calls):
    """Reads when nothing runs, or when the Handler asks whether its call is cancelled. An answer is written together with STARTED of the next call."""

    def __init__(self, target, link, output, init: dict) -> None:
        super().__init__(target, link, output, init)
        self._handle = target.handle
        self._current: Request | None = None
        self._looked = 0.0

    @property
    def current(self) -> Request | None:
        return self._current

    def start(self, item: Request | list[Request]) -> None:
        self.waiting.append(item)

    def start_waiting(self) -> None:
        pass

    def look(self) -> None:
        self.link.poll()

    def look_now_and_then(self) -> None:
        now = perf_counter()
        if now - self._looked > LONG_RUN:
            self._looked = now
            self.link.poll()

    def serve(self) -> None:
        link = self.link
        waiting = self.waiting
        ready = self._ready
        while not link.ended:
            while waiting:
                begun = perf_counter()
                item = waiting.popleft()
                if isinstance(item, Request):
                    self._run(item)
                else:
                    self._run_batch(item)
                if waiting and perf_counter() - begun > LONG_RUN:
                    link.poll()
            self._flush()
            if self.leaving:
                return
            link.wait(ready)

    def _ready(self):
        return self.waiting or self.leaving

    def _run(self, request: Request) -> None:
        if request.announced:
            started = self.begin(request)
            if started is None:
                return
            # Written before the Handler runs: if it ends the process, the daemon must know that the call began, or it would run it again.
            self._outgoing.append(started)
        self._current = request
        self._flush()
        try:
            if request.was_cancelled:
                raise cancelled()
            reply = self._handle(request)
            body = reply if type(reply) is bytes else self.body_of(request, reply)
            head = self.end_frame(request) if body is None else self.head_of_result(request, body)
        except BaseException as error:
            head = self.error_frame(request, error)
            body = None
        self.ended(request)
        self._send(head, body or b"")
        self._current = None

    def _run_batch(self, batch: list[Request]) -> None:
        self._current = batch[0] if len(batch) == 1 else None
        self._flush()
        for head, body in self.run_batch(batch):
            self._send(head, body)
        self._current = None
