"""Files that commands write, each whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from sdflow.problems import problem


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        UserError: SDF726, the system refuses.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, making its folder where there is none.

    Raises:
        UserError: SDF726, the system refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise problem("SDF726", f"{path} cannot be written: {error.strerror or error}") from error
