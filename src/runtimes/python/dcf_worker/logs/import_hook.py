"""Sets the module logging up when the function imports it. Most functions do not, and to import it always would make each replica start later."""

from __future__ import annotations

import sys


class LoggingFinder:
    """Finds the module logging as usual, and has it write to the function's log from its first record on."""

    def __init__(self, output) -> None:
        self._output = output

    def install(self) -> None:
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._follow(spec.loader)
                return spec
        return None

    def _follow(self, loader) -> None:
        load = loader.exec_module

        def exec_module(module) -> None:
            load(module)
            from .records import take_over

            take_over(self._output)

        loader.exec_module = exec_module
