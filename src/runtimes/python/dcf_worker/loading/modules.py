"""Imports the files of a function, as Python does when it is started in the function's folder."""

from __future__ import annotations

import os
import sys

from .. import MODULES_AT_START
from ..errors import DcfError
from .environment import REQUIREMENTS, function_folders, package_of

# The package name when the function's own folder is a package: the name of that folder is a revision.
_OWN_PACKAGE = "dcf_package"

# Modules of the standard library that the runtime imports only when it needs them.
_LOADED_LATE = ("asyncio", "importlib.util", "inspect", "logging", "queue", "select", "signal", "threading", "traceback")


def extend_path(directory: str, handler_path: str) -> None:
    """Extends sys.path by the folders of `function_folders`, and by the function's requirements, in front of the host's packages."""
    requirements = os.path.join(directory, REQUIREMENTS)
    if os.path.isdir(requirements):
        host = (index for index, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages")))
        sys.path.insert(next(host, len(sys.path)), requirements)
    first, last = function_folders(directory, handler_path)
    _make_way(first, package_of(directory, handler_path)[1])
    sys.path[:0] = first
    sys.path += last


def import_file(directory: str, path: str):
    """Imports a file of the function. Raises DcfError FAILED_PRECONDITION when there is no such file, and whatever the file raises."""
    file = os.path.normpath(os.path.join(directory, path))
    if not os.path.isfile(file):
        raise DcfError("FAILED_PRECONDITION", f"the handler file {path} is not in the package")
    try:
        return _import(directory, path, file)
    except ImportError as error:
        if "no known parent package" not in str(error):
            raise
        if os.path.dirname(file) != os.path.normpath(directory) or not os.path.isfile(os.path.join(directory, "__init__.py")):
            raise DcfError("FAILED_PRECONDITION", _without_package(directory, error)) from error
    return _import_from_own_package(directory, file)


def _import(directory: str, path: str, file: str):
    _, name = package_of(directory, path)
    known = sys.modules.get(name)
    if known is None and all(part.isidentifier() for part in name.split(".")):
        __import__(name)
        known = sys.modules[name]
    if _is_from(known, file):
        # Files beside it may import it by its bare name: it is not loaded twice then.
        sys.modules.setdefault(name.rpartition(".")[2], known)
        return known
    # The name is not a valid module name, or another module has it.
    return _load(f"dcf_function_{name.rpartition('.')[2]}", file)


def _import_from_own_package(directory: str, file: str):
    """Imports a handler that needs the function's own folder to be a package."""
    bare = os.path.splitext(os.path.basename(file))[0]
    _load(_OWN_PACKAGE, os.path.join(directory, "__init__.py"), [directory])
    module = _load(f"{_OWN_PACKAGE}.{bare}", file)
    sys.modules.setdefault(bare, module)
    return module


def _load(name: str, file: str, search: list[str] | None = None):
    from importlib.util import module_from_spec, spec_from_file_location

    known = sys.modules.get(name)
    if _is_from(known, file):
        return known
    spec = spec_from_file_location(name, file, submodule_search_locations=search)
    if spec is None or spec.loader is None:
        raise DcfError("FAILED_PRECONDITION", f"the handler file {os.path.basename(file)} is not a Python file: its name must end in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _is_from(module, file: str) -> bool:
    return module is not None and getattr(module, "__file__", None) == file


def _make_way(folders: list[str], handler: str) -> None:
    """Lets modules of the function take the place of modules of the standard library with the same name, if the runtime has imported these.

    As in any Python program, all modules that are imported later then get the function's module. The runtime keeps those of the standard
    library, and the handler's own file replaces nothing, as no other module imports it.
    """
    found = {name for folder in folders for name in _modules_in(folder) if _is_standard(name)}
    if handler in found:
        __import__(handler)
    taken = found - MODULES_AT_START - {handler}
    if not taken:
        return
    for name in _LOADED_LATE:
        __import__(name)
    for name in list(sys.modules):
        if name.partition(".")[0] in taken:
            del sys.modules[name]


def _modules_in(folder: str) -> list[str]:
    try:
        entries = os.listdir(folder)
    except OSError:
        return []
    packages = [entry for entry in entries if os.path.isfile(os.path.join(folder, entry, "__init__.py"))]
    return packages + [entry[:-3] for entry in entries if entry.endswith(".py")]


def _is_standard(name: str) -> bool:
    library = os.path.join(os.path.dirname(os.__file__), name)
    return os.path.isfile(f"{library}.py") or os.path.isfile(os.path.join(library, "__init__.py"))


def _without_package(directory: str, error: ImportError) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and not trace.tb_next.tb_frame.f_code.co_filename.startswith("<"):
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename if trace is not None else ""
    folder = os.path.relpath(os.path.dirname(file), directory)
    where = f"{os.path.relpath(file, directory)}, line {trace.tb_lineno if trace is not None else 0}"
    place = "__init__.py" if folder == "." else os.path.join(folder, "__init__.py")
    return f"{where}: a relative import needs a package: add an empty {place}, or import the module by its bare name ({error})"
