"""Reads function.yaml, as far as a test needs it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import DcfError

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_SIZES = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_TIMES = {"": 0.001, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a function's folder. Raises DcfError INVALID_ARGUMENT when there is none, or none of a Python function."""
    file = folder / "function.yaml"
    if not file.is_file():
        raise DcfError("INVALID_ARGUMENT", f"{file} does not exist: give load_function the folder of a function, or its Handler itself")
    manifest = _yaml(file)
    if not isinstance(manifest, dict) or manifest.get("runtime") != "python":
        raise DcfError("INVALID_ARGUMENT", f"{file} does not describe a Python function: it must contain 'runtime: python'")
    return manifest


def place_of(given: str | None, name: str) -> dict[str, str]:
    """The file and the name in a value of `handler` or `initializer`: `app.py#Name` or `app.Name`. `name` is used if it has none."""
    text = given or "handler.py"
    if _DOTTED.fullmatch(text) and not text.endswith(".py"):
        module, _, name = text.rpartition(".")
        return {"path": f"{module.replace('.', '/')}.py", "name": name}
    path, _, named = text.partition("#")
    return {"path": path, "name": named or name}


def resources_of(manifest: dict[str, Any], given: dict[str, str], folder: Path) -> dict[str, str]:
    """Absolute paths of resources, by name. Raises DcfError INVALID_ARGUMENT for one that would have to be downloaded, or does not exist."""
    found: dict[str, str] = {}
    for name, value in {**(manifest.get("resources") or {}), **given}.items():
        source = value.get("source", "") if isinstance(value, dict) else str(value)
        if source.startswith("https:"):
            raise DcfError("INVALID_ARGUMENT", f"resources.{name} would be downloaded from {source}: give load_function a local path, resources={{'{name}': …}}")
        path = (folder / source).resolve()
        if not path.exists():
            raise DcfError("INVALID_ARGUMENT", f"resources.{name} does not exist: {path}")
        found[name] = str(path)
    return found


def size_of(value: int | str) -> int:
    """Bytes of a size such as `64MiB`. A bare number is bytes."""
    return int(_read(value, _SIZES, str.upper, "a size: write bytes, or a text such as 64MiB"))


def seconds_of(value: float | str) -> float:
    """Seconds of a duration such as `30s`. A bare number is milliseconds, as in function.yaml."""
    return _read(value, _TIMES, str, "a duration: write milliseconds, or a text such as 30s")


def _read(value: float | str, units: Mapping[str, float], fold: Callable[[str], str], wanted: str) -> float:
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([A-Za-z]*)\s*", str(value))
    factor = None if found is None else units.get(fold(found.group(2)))
    if found is None or factor is None:
        raise DcfError("INVALID_ARGUMENT", f"{value!r} in function.yaml is not {wanted}")
    return float(found.group(1)) * factor


def _yaml(file: Path) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        message = f"{file} cannot be read without PyYAML: run pip install PyYAML, or give load_function the Handler itself"
        raise ModuleNotFoundError(message, name="yaml") from None

    class Loader(yaml.SafeLoader):
        """Reads YAML 1.2, as the daemon does: `yes`, `012` and `2024-01-02` are strings."""

        yaml_implicit_resolvers: dict[str, Any] = {}

    for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", r"[-+]?(0|[1-9]\d*)", list("-+0123456789")),
        ("float", r"[-+]?(\.\d+|(0|[1-9]\d*)(\.\d*)?)([eE][-+]?\d+)?", list("-+.0123456789")),
        ("merge", "<<", ["<"]),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)
    with file.open(encoding="utf-8-sig") as stream:
        # Loader extends SafeLoader.
        return yaml.load(stream, Loader)
