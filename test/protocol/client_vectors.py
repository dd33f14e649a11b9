"""Holds the Python client to the vectors in client/, which the TypeScript client passes too. Prints how many cases there were."""

import json
import sys
from pathlib import Path

import grpc
from dcf import DcfError
from dcf._envelope import STREAM_END, decode_chunks, decode_reply, encode_chunk, encode_request, encode_stream_start
from dcf._failure import classify, retry_delay
from dcf._options import read_headers

#: Details of grpcio for an attempt to which no server gave a status, as its versions 1.48, 1.54 to 1.66, and 1.85 word them.
DETAILS = {
    "refused": ("Received RST_STREAM with error code 7", "Stream removed (RST_STREAM (Received RST_STREAM with error code 7))"),
    "cutOff": (
        "GOAWAY received",
        "GOAWAY received; Error code: 2; Debug Text: Socket closed",
        "Stream removed (GOAWAY received; Error code: 0; Debug Text: two\nlines)",
    ),
    "closedAfterGoaway": (
        "Socket closed",
        "recvmsg:Connection reset by peer",
        "Stream removed (Socket closed (GOAWAY received; Error code: 0; Debug Text: ))",
        "Stream removed (recvmsg:Connection reset by peer (104) (GOAWAY received; Error code: 0; Debug Text: ))",
    ),
    "unsent": ("failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Connection refused",),
    "broken": ("Socket closed", "Stream removed (Socket closed)"),
    "answered": ("the daemon's own words",),
}


class Failed(grpc.RpcError):
    def __init__(self, details, code="UNAVAILABLE", trailers=None, answerBegun=False):
        self.words, self.status, self.trailers, self.begun = details, grpc.StatusCode[code], trailers or {}, answerBegun

    def code(self):
        return self.status

    def details(self):
        return self.words

    def initial_metadata(self):
        return (("date", "today"),) if self.begun else ()

    def trailing_metadata(self):
        return tuple(self.trailers.items())


def check_retry(case):
    given = dict(case["failure"])
    for details in DETAILS[given.pop("kind")]:
        check_delays(case, classify(Failed(details, **given)))


def check_delays(case, failure):
    for _ in range(20):
        delay = retry_delay(failure, case.get("attempts", 1), case.get("elapsedMs", 0) / 1000, case.get("waitForReady", False))
        if case["delayMs"] is None:
            assert delay is None, f"{case['what']}: {delay}"
        else:
            low, high = case["delayMs"]
            assert delay is not None and low - 1e-6 <= delay * 1000 <= high + 1e-6, f"{case['what']}: {delay}"


def check_headers(case):
    given = case["given"]
    names = ("token", "alias", "requestId", "metadata", "query", "contentType")
    try:
        headers = [list(header) for header in read_headers(*(given.get(name) for name in names))]
    except DcfError as error:
        assert error.code == "INVALID_ARGUMENT" and case.get("problem", "none") in error.message, f"{case['what']}: {error}"
    else:
        assert headers == case.get("headers"), f"{case['what']}: {headers}"


def check_request(case):
    assert encode_request(case["function"], bytes.fromhex(case["input"])).hex() == case["message"], case


def check_reply(case):
    try:
        output = decode_reply(bytes.fromhex(case["message"])).hex()
    except ValueError:
        output = None
    assert output == case["output"], f"{case['what']}: {output}"


def check_stream_start(case):
    data = None if case["input"] is None else bytes.fromhex(case["input"])
    assert encode_stream_start(case["function"], data).hex() == case["message"], case["what"]


def check_stream_chunk(case):
    assert encode_chunk(bytes.fromhex(case["chunk"])).hex() == case["message"], case["what"]


def check_stream_end(case):
    assert STREAM_END.hex() == case["message"], case["what"]


def check_stream_reply(case):
    try:
        chunks = [chunk.hex() for chunk in decode_chunks(bytes.fromhex(case["message"]))]
    except ValueError:
        chunks = None
    assert chunks == case["chunks"], f"{case['what']}: {chunks}"


folder = Path(sys.argv[1])
envelopes = json.loads((folder / "envelopes.json").read_text("utf-8"))
suites = [
    (check_retry, json.loads((folder / "retry.json").read_text("utf-8"))),
    (check_headers, json.loads((folder / "headers.json").read_text("utf-8"))),
    (check_request, envelopes["requests"]),
    (check_reply, envelopes["replies"]),
    (check_stream_start, envelopes["streamStarts"]),
    (check_stream_chunk, envelopes["streamChunks"]),
    (check_stream_end, envelopes["streamEnds"]),
    (check_stream_reply, envelopes["streamReplies"]),
]
for check, cases in suites:
    for case in cases:
        check(case)
print(sum(len(cases) for _, cases in suites))
