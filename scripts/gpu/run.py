"""Unpacks the pieces of a bundle that are here and runs the GPU check with them; only Python is needed.

usage: run.py [--to DIR] [--unpack] [options of gpu-check]

Exit codes: that of the check; 3 when pieces are missing or broken. Then the rest was done as far as it could be.
"""

import hashlib
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile

PARTS = ["cpu", "webgpu", "cuda", "torch"]
MISSING = 3


class Pieces(io.RawIOBase):
    """Files one after the other, as one."""

    def __init__(self, paths):
        self.paths = list(paths)
        self.file = None

    def readable(self):
        return True

    def readinto(self, target):
        while True:
            if self.file is None:
                if not self.paths:
                    return 0
                self.file = open(self.paths.pop(0), "rb")
            size = self.file.readinto(target)
            if size:
                return size
            self.file.close()
            self.file = None


def broken(folder, pieces):
    """The names of pieces that are not here, or not whole."""
    return [piece["file"] for piece in pieces if digest(os.path.join(folder, piece["file"])) != piece["sha256"]]


def digest(path):
    try:
        with open(path, "rb") as file:
            found = hashlib.sha256()
            for block in iter(lambda: file.read(1 << 20), b""):
                found.update(block)
            return found.hexdigest()
    except FileNotFoundError:
        return None


def unpack(folder, name, pieces, target):
    """Unpacks an archive, unless just this one is there already."""
    mark = os.path.join(target, f".{name}")
    wanted = " ".join(piece["sha256"] for piece in pieces)
    if os.path.exists(mark) and open(mark).read() == wanted:
        return
    os.makedirs(target, exist_ok=True)
    source = io.BufferedReader(Pieces(os.path.join(folder, piece["file"]) for piece in pieces), 1 << 20)
    with lzma.open(source) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        archive.extractall(target, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))
    with open(mark, "w") as file:
        file.write(wanted)


def take(arguments, name, default=None):
    """Takes an option and its value out of the arguments."""
    if name not in arguments:
        return default
    at = arguments.index(name)
    value = arguments[at + 1]
    del arguments[at : at + 2]
    return value


def main(arguments):
    folder = os.path.dirname(os.path.abspath(__file__))
    target = os.path.abspath(take(arguments, "--to", "/tmp/dcf-gpu"))
    parts = take(arguments, "--only", ",".join(PARTS)).split(",")
    with open(os.path.join(folder, "manifest.json")) as file:
        manifest = json.load(file)
    lacking = {name: broken(folder, pieces) for name, pieces in manifest.items()}
    for name, files in lacking.items():
        if not files:
            unpack(folder, name, manifest[name], target)
    missing = [file for name, files in lacking.items() if name != "cuda" or "cuda" in parts for file in files]
    if missing:
        print(f"missing or broken: {', '.join(missing)}", file=sys.stderr)
    if "--unpack" in arguments or lacking.get("app") != [] or lacking.get("base") != []:
        return MISSING if missing else 0
    if lacking.get("cuda") != []:
        parts = [part for part in parts if part != "cuda"]
    if not parts:
        return MISSING
    given = ["--only", ",".join(parts), "--libraries", os.path.join(target, "libraries"), *arguments]
    if lacking.get("cuda") == []:
        given += ["--cuda", os.path.join(target, "cuda")]
    command = [os.path.join(target, "node/bin/node"), os.path.join(target, "scripts/gpu-check.mjs"), *given]
    sys.stdout.flush()
    if not missing:
        os.execv(command[0], command)
    subprocess.call(command)
    return MISSING


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
