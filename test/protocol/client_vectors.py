"""Holds the Python client to the vectors in client/, which the TypeScript client passes too. Prints how many cases there were."""

import json
import sys
from pathlib import Path

import grpc
from dcf import DcfError
from dcf._envelope import STREAM_END, decode_chunks, decode_reply, encode_chunk, encode_request, encode_stream_start
from dcf._failure import classify, retry_delay
from dcf._options import read_headers

#: What grpcio says of an attempt to which no server gave a status.
DETAILS = {
    "refused": "Stream removed (RST_STREAM (Received RST_STREAM with error code 7))",
    "unsent": "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Connection refused",
    "broken": "Stream removed (Socket closed)",
}


class Failed(grpc.RpcError):
    def __init__(self, kind, code="UNAVAILABLE", trailers=None):
        self.kind, self.status, self.trailers = kind, grpc.StatusCode[code], trailers or {}

    def code(self):
        return self.status

    def details(self):
        return DETAILS.get(self.kind, "the daemon's own words")

    def initial_metadata(self):
        return ()

    def trailing_metadata(self):
        return tuple(self.trailers.items())


def check_retry(case):
    failure = classify(Failed(**case["failure"]))
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
