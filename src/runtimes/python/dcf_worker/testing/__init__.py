"""Runs a function in a test, in the test's own process. The code that builds and calls the Handler is that of a replica.

    with load_function("hello", parameters={"greeting": "Good morning"}) as hello:
        assert hello.call("Ada").text() == "Good morning, Ada!"
"""

from __future__ import annotations

from .answer import Answer
from .loaded import FakeFunction, LoadedFunction, load_function

__all__ = ["Answer", "FakeFunction", "LoadedFunction", "load_function"]
