"""What programs that a function starts find in their environment."""

from __future__ import annotations

import os

# Where the daemon installs what requirements.txt names.
REQUIREMENTS = os.path.join(".dcf", "site-packages")


def function_folders(directory: str, handler_path: str) -> tuple[list[str], list[str]]:
    """The folders in which a function's modules are looked for: those before all others, and those after.

    First the folder of the handler's file, or for a file in a package that which holds the package; then the function's own. What lies
    beside a handler in a package is found last by its bare name.
    """
    first = list(dict.fromkeys((package_of(directory, handler_path)[0], os.path.normpath(directory))))
    own = os.path.dirname(os.path.normpath(os.path.join(directory, handler_path)))
    return first, [] if own in first else [own]


def package_of(directory: str, path: str) -> tuple[str, str]:
    """The folder from which a file is imported, and by which name: with the packages around it."""
    directory = os.path.normpath(directory)
    folder, file = os.path.split(os.path.normpath(os.path.join(directory, path)))
    name = os.path.splitext(file)[0]
    while folder != directory and os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        name = f"{package}.{name}"
    return folder, name


def extend_environment(environment, directory: str, handler_path: str) -> None:
    """Has other interpreters import what the function imports, and finds the programs that its requirements bring.

    `PYTHONPATH` gets what sys.path has in front of the host's packages, in that order and absolute, as such programs may run in any
    folder. They write no byte code beside the function's files.
    """
    requirements = os.path.join(directory, REQUIREMENTS)
    own = [os.path.abspath(path) for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    first, last = function_folders(directory, handler_path)
    brought = [requirements] if os.path.isdir(requirements) else []
    paths = first + own + brought + last
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    programs = os.path.join(requirements, "bin")
    if os.path.isdir(programs):
        environment["PATH"] = os.pathsep.join((programs, environment.get("PATH", os.defpath)))
    environment.setdefault("PYTHONDONTWRITEBYTECODE", "1")
