"""What a loaded function changes in the test's process, and how it is undone."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Mapping
from typing import Any

from ..context import current_context


class ProcessState:
    """The variables, import paths and modules of this process, as they were before a function was loaded."""

    def __init__(self, directory: str | None, environment: Mapping[str, Any]) -> None:
        self._directory = directory
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._modules = dict(sys.modules)
        os.environ.update({name: str(value) for name, value in environment.items()})
        if "mesh" not in sys.modules:
            sys.modules["mesh"] = _mesh_module()

    def restore(self) -> None:
        """Restores the variables and import paths, and removes modules of the function's folder."""
        os.environ.clear()
        os.environ.update(self._environment)
        sys.path[:] = self._path
        if "mesh" not in self._modules:
            del sys.modules["mesh"]
        if self._directory is None:
            return
        inside = os.path.join(self._directory, "")
        for name, module in list(sys.modules.items()):
            if self._modules.get(name) is not module and str(getattr(module, "__file__", None) or "").startswith(inside):
                del sys.modules[name]
        # Modules that the function's own have replaced.
        for name, module in self._modules.items():
            sys.modules.setdefault(name, module)


def _mesh_module() -> types.ModuleType:
    """The module that a replica has for functions of the original DCF: `from mesh import mesh_call`."""

    def mesh_call(name: str, input: Any, **options: Any) -> Any:
        return current_context().call(name, input, **options)

    mesh = types.ModuleType("mesh")
    vars(mesh)["mesh_call"] = mesh_call
    return mesh
