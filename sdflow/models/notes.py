"""Small files that remember what was asked of the web."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_note(file: Path, text: str) -> None:
    """Write a note as a whole. A disk that refuses costs only the memory."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(temporary).replace(file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
