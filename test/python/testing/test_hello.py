"""How an author tests a Handler: pytest, run by python-testing.test.ts."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dcf_worker import Context, DcfError
from dcf_worker.testing import Answer, LoadedFunction, load_function

FOLDER = Path(__file__).parent / "hello"


def shout(data: bytes) -> bytes:
    if data == b"quiet":
        raise DcfError("PERMISSION_DENIED", "hush")
    return data + b"!"


@pytest.fixture(scope="module")
def hello() -> Iterator[LoadedFunction]:
    with load_function(FOLDER, parameters={"greeting": "Good morning"}, functions={"other": shout}) as loaded:
        yield loaded


def failure(hello: LoadedFunction, **given: object) -> DcfError:
    with pytest.raises(DcfError) as failed:
        hello.call(**given)  # type: ignore[arg-type]
    return failed.value


def test_a_call(hello: LoadedFunction) -> None:
    answer = hello.call("Ada")
    assert (answer.text(), answer.kind, answer.status) == ("Good morning, Ada! here", "text", 200)
    assert hello.call({"a": 1}).text() == 'Good morning, {"a": 1}! here'
    assert (hello.call(metadata={"do": "count"}).json(), hello.call(metadata={"do": "count"}).kind) == (3, "json")


def test_a_response(hello: LoadedFunction) -> None:
    answer = hello.call(metadata={"do": "respond"})
    assert (answer.status, answer.headers, answer.json()) == (201, [("x-made", "yes")], {"a": 1})


def test_streams(hello: LoadedFunction) -> None:
    assert list(hello.stream(["a", b"b"], metadata={"do": "upper"})) == [b"A", b"B"]
    assert list(hello.stream("whole", metadata={"do": "upper"})) == [b"WHOLE"]
    assert list(hello.stream("Ada")) == [b"Good morning, Ada! here"]
    # More than either side takes without being asked.
    many = [b"%d" % number * 100 for number in range(5000)]
    assert list(hello.stream(iter(many), metadata={"do": "upper"})) == many
    # Chunks come before the input ends, and whoever leaves gives the call up.
    stream = hello.stream(iter(lambda: b"x", None), metadata={"do": "upper"})
    assert next(stream) == b"X"
    stream.close()  # type: ignore[attr-defined]
    with pytest.raises(DcfError, match=r"req\.chunks"):
        list(hello.stream(["a"]))


def test_chunks_that_raise(hello: LoadedFunction) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise RuntimeError("of the test's own")

    with pytest.raises(RuntimeError, match="of the test's own"):
        list(hello.stream(broken(), metadata={"do": "upper"}))


def test_errors_as_a_caller_gets_them(hello: LoadedFunction) -> None:
    error = failure(hello, metadata={"do": "raise"})
    assert (error.code, error.message) == ("UNKNOWN", "not today")
    assert isinstance(error.__cause__, ValueError)
    error = failure(hello, metadata={"do": "deny"})
    assert (error.code, error.reason) == ("NOT_FOUND", "empty")
    error = failure(hello, metadata={"do": "exit"})
    assert (error.code, error.reason) == ("INTERNAL", "exit:3")
    assert failure(hello, metadata={"do": "wait"}, timeout=0.2).code == "DEADLINE_EXCEEDED"
    error = failure(hello, input=b"x" * 1025)
    assert (error.code, error.message) == ("RESOURCE_EXHAUSTED", "the input has 1025 bytes; limits.payload is 1024")
    assert hello.call("Ada").text() == "Good morning, Ada! here"


def test_calls_of_others(hello: LoadedFunction) -> None:
    assert hello.call("in", metadata={"do": "call"}).output == b"in!"
    error = failure(hello, input="quiet", metadata={"do": "call"})
    assert (error.code, error.message) == ("PERMISSION_DENIED", "other: hush")


def test_a_batch(hello: LoadedFunction) -> None:
    first, bad, last = hello.call_batch(["a", "bad", "c"])
    assert isinstance(first, Answer) and first.text() == "a of 3"
    assert isinstance(bad, DcfError) and (bad.code, bad.message) == ("UNKNOWN", "this one")
    assert isinstance(last, Answer) and last.text() == "c of 3"
    with pytest.raises(DcfError, match="batch.maxSize is 4"):
        hello.call_batch("abcde")


def test_nothing_is_left_of_it(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.INFO)
    before = dict(os.environ), list(sys.path), set(sys.modules)
    loaded = load_function(FOLDER)
    assert loaded.call("Ada").text() == "Hello, Ada! here"
    loaded.close()
    assert (dict(os.environ), list(sys.path), set(sys.modules)) == before
    assert ("dcf.hello", logging.INFO, "built") in caplog.record_tuples
    assert "closed" in capsys.readouterr().out
    with pytest.raises(DcfError, match="was closed"):
        loaded.call("Ada")


def test_a_class_and_a_function() -> None:
    class Handler:
        def __init__(self, context: Context) -> None:
            self.context = context

        async def __call__(self, req: object) -> object:
            output = await self.context.call("other", b"a")
            return [self.context.parameters, output.decode()]

    with load_function(Handler, parameters={"a": 1}, functions={"other": shout}, concurrency=4) as loaded:
        assert loaded.call().json() == [{"a": 1}, "a!"]
    with load_function(lambda event, context: event * 2) as loaded:
        assert loaded.call("ab").text() == "abab"


def test_many_one_after_the_other() -> None:
    # A thread that still read for one that is closed would take what is meant for the next.
    for number in range(200):
        with load_function(lambda event, context: event) as loaded:
            assert loaded.call(str(number), timeout=10).text() == str(number)


def test_an_answer_that_is_given_because_the_time_is_over(hello: LoadedFunction) -> None:
    for _ in range(20):
        assert failure(hello, metadata={"do": "wait"}, timeout=0.01).code == "DEADLINE_EXCEEDED"


def test_what_cannot_be_built() -> None:
    class Broken:
        def __init__(self) -> None:
            raise ValueError("no weights")

    with pytest.raises(DcfError, match="the Handler could not be built: no weights") as failed:
        load_function(Broken)
    assert failed.value.code == "FAILED_PRECONDITION" and isinstance(failed.value.__cause__, ValueError)
    with pytest.raises(DcfError, match="which cannot be called"):
        load_function(lambda: 1)
    with pytest.raises(DcfError, match=r"function\.yaml does not exist"):
        load_function(FOLDER.parent)
    with pytest.raises(DcfError, match="resources.model does not exist"):
        load_function(FOLDER, resources={"model": "missing.onnx"})


def test_close_that_raises() -> None:
    class Handler:
        def __call__(self, req: object) -> bytes:
            return b""

        def close(self) -> None:
            raise OSError("cannot be saved")

    loaded = load_function(Handler)
    with pytest.raises(OSError, match="cannot be saved"):
        loaded.close()


def test_the_manifest_is_read_as_the_daemon_reads_it() -> None:
    class Seen:
        def __call__(self, req: object, context: Context) -> object:
            return [context.parameters, sorted(context.resources)]

    from dcf_worker.testing.manifest import place_of, read_manifest, seconds_of, size_of

    assert read_manifest(FOLDER)["parameters"] == {"greeting": "Hello", "truth": "yes", "version": "012"}
    assert place_of(None, "Handler") == {"path": "handler.py", "name": "Handler"}
    assert place_of("app.handler.Reader", "Handler") == {"path": "app/handler.py", "name": "Reader"}
    assert place_of("app/h.py#Reader", "Handler") == {"path": "app/h.py", "name": "Reader"}
    assert [size_of("64MiB"), size_of(5), seconds_of("1.5s"), seconds_of(100)] == [64 << 20, 5, 1.5, 0.1]
    for read, value in ((size_of, "5 parsecs"), (seconds_of, "1.2.3s"), (seconds_of, "soon")):
        with pytest.raises(DcfError, match=f"'{value}' in function.yaml is not a (size|duration)"):
            read(value)
    with load_function(Seen, parameters={"a": 1}, resources={"model": __file__}) as loaded:
        assert loaded.call().json() == [{"a": 1}, ["model"]]


def test_the_module_mesh(tmp_path: Path) -> None:
    """A function finds that of the platform, or one of its own, as in a replica."""
    (tmp_path / "function.yaml").write_text("name: meshed\nruntime: python\n")
    (tmp_path / "handler.py").write_text("from mesh import mesh_call\ndef Handler(req): return mesh_call('other', req.input)\n")
    for own, answer in ((None, "a!"), ("def mesh_call(name, data): return name\n", "other")):
        if own is not None:
            (tmp_path / "mesh.py").write_text(own)
        with load_function(tmp_path, functions={"other": shout}) as loaded:
            assert loaded.call("a").text() == answer
        assert "mesh" not in sys.modules
