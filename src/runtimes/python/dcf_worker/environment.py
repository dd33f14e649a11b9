"""What programs that a function starts find in their environment."""

from __future__ import annotations

import os

# Where the daemon installs what requirements.txt names.
REQUIREMENTS = os.path.join(".dcf", "site-packages")


def extend_environment(environment, directory: str, handler_path: str) -> None:
    """Has other interpreters import what the function imports, and finds the programs that its requirements bring.

    `PYTHONPATH` gets what sys.path has in front of the host's packages, in that order and absolute, as such programs may run in any
    folder. They write no byte code beside the function's files.
    """
    requirements = os.path.join(directory, REQUIREMENTS)
    own = [os.path.abspath(path) for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    folders = [os.path.dirname(os.path.join(directory, handler_path)), directory]
    brought = [requirements] if os.path.isdir(requirements) else []
    paths = [os.path.normpath(folder) for folder in folders] + own + brought
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    programs = os.path.join(requirements, "bin")
    if os.path.isdir(programs):
        environment["PATH"] = os.pathsep.join((programs, environment.get("PATH", os.defpath)))
    environment.setdefault("PYTHONDONTWRITEBYTECODE", "1")
