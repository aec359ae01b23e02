"""Output files that are there whole or not at all."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from sdflow.problems import UserError, problem

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_IN_THE_WAY = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY}


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a name of its own beside `path`, flush it, and give it its name; makes folders.

    Raises:
        UserError: SDF701, SDF702 or SDF706. What stood at `path` is untouched then.
    """
    part = path.with_name(f".{path.name[:60]}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _told(path, error) from error


def _told(path: Path, error: OSError) -> UserError:
    if error.errno in _FULL:
        return problem("SDF702", f"no space left to write {path}", hint="free some space, then run again")
    if error.errno in _IN_THE_WAY:
        kind = "a folder" if path.is_dir() else "a file"
        return problem("SDF706", f"{path} cannot be written: {kind} is in the way")
    return problem("SDF701", f"{path} cannot be written: {error.strerror}")
