"""Imports the files of a function, as Python itself would if it were started in the function's folder."""

from __future__ import annotations

import os
import sys

from .. import MODULES_AT_START
from ..errors import DcfError
from .environment import REQUIREMENTS, function_folders, package_of

# What a package is named whose folder is the function's own: that is named by a revision.
_OWN_PACKAGE = "dcf_package"

# What the runtime loads only where it is needed.
_LOADED_LATE = ("asyncio", "importlib.util", "inspect", "logging", "queue", "select", "signal", "threading", "traceback")


def extend_path(directory: str, handler_path: str) -> None:
    """The folder of the handler's file comes first, then the function's own; its requirements come before the host's packages.

    For a file in a package that is the folder which holds the package; what lies beside the file is found last by its bare name.
    """
    requirements = os.path.join(directory, REQUIREMENTS)
    if os.path.isdir(requirements):
        host = (index for index, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages")))
        sys.path.insert(next(host, len(sys.path)), requirements)
    first, last = function_folders(directory, handler_path)
    _make_way(first, package_of(directory, handler_path)[1])
    sys.path[:0] = first
    sys.path += last


def import_file(directory: str, path: str):
    """The module of a file of the function. Raises DcfError FAILED_PRECONDITION when there is no such file."""
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
        # Files beside it find it by its bare name, too, and do not load it twice.
        sys.modules.setdefault(name.rpartition(".")[2], known)
        return known
    # A name that no import statement can say, or that another module has taken.
    return _load(f"dcf_function_{name.rpartition('.')[2]}", file)


def _import_from_own_package(directory: str, file: str):
    """The function's own folder is a package, and the handler needs it to be one."""
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
        raise DcfError("FAILED_PRECONDITION", f"the handler file {os.path.basename(file)} is no Python file: its name has to end in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _is_from(module, file: str) -> bool:
    return module is not None and getattr(module, "__file__", None) == file


def _make_way(folders: list[str], handler: str) -> None:
    """A module of the function may have the name of one of the standard library, which the runtime has loaded: it is loaded anew then.

    As in any Python program, it then hides that from all modules that are loaded later. The runtime's own are loaded before, and
    the handler's file itself, which nobody else imports, hides nothing.
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
