"""Says of what type a file is, from what is in it, with the model that magika brings."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Sequence, TypedDict

from magika import Magika


class FileType(TypedDict):
    label: str
    """Such as "python", "png", "txt" (any other text), "unknown" or "empty"."""
    mime: str
    group: str
    description: str
    score: float
    """How sure the model is, 0 to 1."""


class Handler:
    def __init__(self, context: Any) -> None:
        """Loads the model and runs it once, so that the first call is as fast as the others."""
        self._magika = Magika()
        self._identify([b"# A title\n\nSome text.\n"])

    def __call__(self, req: Any) -> FileType:
        return self._identify([req.input])[0]

    def call_batch(self, reqs: Sequence[Any]) -> list[FileType]:
        """A type for each; the model looks at all of them at once."""
        return self._identify([req.input for req in reqs])

    def _identify(self, contents: Sequence[bytes]) -> list[FileType]:
        # Magika looks at many at once only when they are files; it reads the first and the last few kilobytes of each.
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, str(index)) for index in range(len(contents))]
            for path, content in zip(paths, contents):
                path.write_bytes(content)
            results = self._magika.identify_paths(paths)
        return [
            FileType(
                label=str(result.output.label),
                mime=result.output.mime_type,
                group=result.output.group,
                description=result.output.description,
                score=round(float(result.score), 4),
            )
            for result in results
        ]
