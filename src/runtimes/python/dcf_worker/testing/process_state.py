"""What a loaded function changes in the test's process, and how it is undone."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..context import mesh_call


class ProcessState:
    """The variables, import paths and modules of this process, as they were before a function was loaded."""

    def __init__(self, directory: str | None, environment: Mapping[str, Any]) -> None:
        self._directory = directory
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._modules = dict(sys.modules)
        self._mesh = MeshFinder()
        os.environ.update({name: str(value) for name, value in environment.items()})
        sys.meta_path.append(self._mesh)

    def restore(self) -> None:
        """Restores the variables and import paths, and removes modules of the function's folder."""
        os.environ.clear()
        os.environ.update(self._environment)
        sys.path[:] = self._path
        sys.meta_path.remove(self._mesh)
        if "mesh" not in self._modules:
            sys.modules.pop("mesh", None)
        if self._directory is None:
            return
        inside = os.path.join(self._directory, "")
        for name, module in list(sys.modules.items()):
            if self._modules.get(name) is not module and str(getattr(module, "__file__", None) or "").startswith(inside):
                del sys.modules[name]
        # Modules that the function's own have replaced.
        for name, module in self._modules.items():
            sys.modules.setdefault(name, module)


class MeshFinder:
    """Finds the module `mesh` of functions of the original DCF. Like that of a replica it comes last: a function may have one of its own."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == "mesh" else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Has an empty module made."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["mesh_call"] = mesh_call
