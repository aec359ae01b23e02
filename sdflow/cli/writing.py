"""Files that commands write, each whole or not at all."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sdflow.problems import problem


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        UserError: SDF726, the system refuses.
    """
    write_bytes(path, text.encode())


def replace_all(contents: Mapping[Path, bytes]) -> None:
    """Replace the contents of files, whose permissions stay; where one cannot be written, none is touched.

    All are written beside before the first of them takes its name. A link is followed, so that it stays one.

    Raises:
        UserError: SDF726, the system refuses.
    """
    made: dict[Path, Path] = {}
    path = Path()
    try:
        for path, content in contents.items():
            file = path.resolve()
            made[file] = file.with_name(f".{file.name}.{os.getpid()}.tmp")
            made[file].write_bytes(content)
            shutil.copymode(file, made[file])
        for file, temporary in made.items():
            temporary.replace(file)
    except OSError as error:
        for temporary in made.values():
            with suppress(OSError):
                temporary.unlink()
        raise problem("SDF726", f"{path} cannot be written: {error.strerror or error}") from error


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
