"""Runs a function in a test: the Handler is built and called by the runtime of a worker, in the test's own process.

    with load_function("hello", parameters={"greeting": "Good morning"}) as hello:
        assert hello.call("Ada").text() == "Good morning, Ada!"
"""

from __future__ import annotations

from .answer import Answer
from .loaded import FakeFunction, LoadedFunction, load_function

__all__ = ["Answer", "FakeFunction", "LoadedFunction", "load_function"]
