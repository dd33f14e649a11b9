"""Where modules and programs of a function are found, by itself and by programs that it starts."""

from __future__ import annotations

import os

# The folder, in that of the function, in which the daemon installs the packages of requirements.txt.
REQUIREMENTS = os.path.join(".dcf", "site-packages")


def function_folders(directory: str, handler_path: str) -> tuple[list[str], list[str]]:
    """The folders in which a function's modules are searched: those before all other folders, and those after.

    First the folder of the handler's file, or for a file in a package the folder that contains the package; then that of the function.
    The folder of a handler in a package comes last, so that modules beside it are found by their bare name, too.
    """
    first = list(dict.fromkeys((package_of(directory, handler_path)[0], os.path.normpath(directory))))
    own = os.path.dirname(os.path.normpath(os.path.join(directory, handler_path)))
    return first, [] if own in first else [own]


def package_of(directory: str, path: str) -> tuple[str, str]:
    """The folder from which a file is imported, and its module name, which begins with the packages that contain it."""
    directory = os.path.normpath(directory)
    folder, file = os.path.split(os.path.normpath(os.path.join(directory, path)))
    name = os.path.splitext(file)[0]
    while folder != directory and os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        name = f"{package}.{name}"
    return folder, name


def extend_environment(environment, directory: str, handler_path: str) -> None:
    """Sets variables for programs that the function starts: other interpreters import what it imports, and programs of its requirements are found.

    `PYTHONPATH` gets the folders that sys.path has in front of the host's packages, as absolute paths, since such programs may run in any
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
