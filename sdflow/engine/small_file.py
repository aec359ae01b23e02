"""Small JSON files beside the store that only make sdflow quicker or better informed: losing one loses no result."""

import json
import os
from pathlib import Path

from sdflow.composition import Json


def read_json(file: Path) -> Json:
    """What a file holds; None when it is not there or cannot be understood."""
    try:
        return json.loads(file.read_bytes())  # type: ignore[no-any-return]  # JSON is what it is
    except (OSError, ValueError, RecursionError):
        return None


def write_json(file: Path, content: Json) -> None:
    """Replace a file as a whole; nothing happens when the folder cannot be written to."""
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, sort_keys=True))
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
