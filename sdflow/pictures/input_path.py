"""Where an input file is, and that it is a file: names come from recipes of strangers."""

import os
import stat
from pathlib import Path

from sdflow.problems import problem

_KINDS = (
    (stat.S_ISDIR, "SDF341", "a folder"),
    (stat.S_ISFIFO, "SDF342", "a pipe"),
    (stat.S_ISSOCK, "SDF342", "a socket"),
    (stat.S_ISCHR, "SDF342", "a device"),
    (stat.S_ISBLK, "SDF342", "a device"),
)


def input_path(base: Path, text: str) -> Path:
    """The path of the file that a recipe in the folder `base` calls `text`; `~` is a home folder.

    Nothing is opened and no link followed, and the file need not exist.

    Raises:
        UserError: SDF341, no file can have this name.
    """
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise problem("SDF341", f"no file can be called {text!r}: that is no valid Unicode") from error
    if "\0" in text:
        raise problem("SDF341", f"no file can be called {text!r}: there is a NUL in it")
    try:
        return base / (Path(text).expanduser() if text.startswith("~") else Path(text))
    except RuntimeError as error:
        user = Path(text).parts[0]
        hint = f"write ./{text} for a file whose name begins with ~"
        raise problem("SDF341", f"{text} does not exist: no home folder for {user}", hint=hint) from error


def require_file(path: Path) -> None:
    """Make sure that something is a regular file: a pipe waits for ever, and a device may never end.

    Raises:
        UserError: SDF341, it does not exist or is a folder; SDF342, it is something else; SDF346, the system
            does not say.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise problem("SDF341", f"{path} does not exist") from error
    except OSError as error:
        raise problem("SDF346", f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        code, kind = next(
            ((code, kind) for is_kind, code, kind in _KINDS if is_kind(mode)), ("SDF342", "no file")
        )
        raise problem(code, f"{path} is {kind}, not a picture")
