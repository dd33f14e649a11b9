"""What function.yaml says of a function, as far as a test needs it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..errors import DcfError

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_SIZES = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_TIMES = {"": 0.001, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a function's folder. Raises DcfError INVALID_ARGUMENT when there is none for a function in Python."""
    file = folder / "function.yaml"
    if not file.is_file():
        raise DcfError("INVALID_ARGUMENT", f"there is no {file}: give the folder of a function, or its Handler itself")
    manifest = _yaml(file)
    if not isinstance(manifest, dict) or manifest.get("runtime") != "python":
        raise DcfError("INVALID_ARGUMENT", f"{file} is of no function in Python: it needs runtime: python")
    return manifest


def place_of(given: str | None, name: str) -> dict[str, str]:
    """The file and the name in `handler` or `initializer`: `app.py#Name`, or `app.Name`; `name` where it says none."""
    text = given or "handler.py"
    if _DOTTED.fullmatch(text) and not text.endswith(".py"):
        module, _, name = text.rpartition(".")
        return {"path": f"{module.replace('.', '/')}.py", "name": name}
    path, _, named = text.partition("#")
    return {"path": path, "name": named or name}


def resources_of(manifest: dict[str, Any], given: dict[str, str], folder: Path) -> dict[str, str]:
    """Absolute paths by name. Raises DcfError INVALID_ARGUMENT for one that would have to be fetched, or is not there."""
    found: dict[str, str] = {}
    for name, value in {**(manifest.get("resources") or {}), **given}.items():
        source = value.get("source", "") if isinstance(value, dict) else str(value)
        if source.startswith("https:"):
            raise DcfError("INVALID_ARGUMENT", f"resources.{name} comes from {source}: give its path, resources={{'{name}': …}}")
        path = (folder / source).resolve()
        if not path.exists():
            raise DcfError("INVALID_ARGUMENT", f"resources.{name} is not there: {path}")
        found[name] = str(path)
    return found


def size_of(value: int | str) -> int:
    """Bytes of `64MiB` and the like."""
    number, unit = _split(value)
    return int(number * _SIZES[unit.upper()])


def seconds_of(value: float | str) -> float:
    """Seconds of `30s` and the like; a bare number counts milliseconds, as in function.yaml."""
    number, unit = _split(value)
    return number * _TIMES[unit]


def _split(value: float | str) -> tuple[float, str]:
    found = re.fullmatch(r"\s*([\d.]+)\s*([A-Za-z]*)\s*", str(value))
    if found is None:
        raise DcfError("INVALID_ARGUMENT", f"{value!r} is no size and no time")
    return float(found.group(1)), found.group(2)


def _yaml(file: Path) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        message = f"{file} is read with PyYAML, which is not there: pip install 'dcf[testing]', or give load_function the Handler itself"
        raise ModuleNotFoundError(message, name="yaml") from None

    class Loader(yaml.SafeLoader):
        """YAML 1.2, as the daemon reads it: `yes`, `012` and `2024-01-02` are texts."""

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
        # It is a SafeLoader.
        return yaml.load(stream, Loader)
