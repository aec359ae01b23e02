"""Paths that a recipe says, as they read from the folder of another recipe that uses it."""

import os
from pathlib import Path

from sdflow.graph.field_kinds import file_fields, place_fields
from sdflow.graph.part import kebab
from sdflow.graph.registry import Registry
from sdflow.recipe.whole import Relocate

_INSIDE = ((), ("source",), ("config",))
"""Where in a field a place is said: in itself, or in the mapping that it holds."""


def relocation(registry: Registry) -> Relocate:
    """How texts of nodes read from another folder: input files and models that are paths lead to the same place."""

    def relocated(node_type: str, path: tuple[str | int, ...], text: str, inner: Path, outer: Path) -> str:
        found = registry.get(node_type)
        if found is None or inner == outer or _is_absolute(text):
            return text
        if any(path == (kebab(it),) for it, _ in file_fields(found)):
            return _joined(inner, text, outer)
        says_place = any(path[0] == kebab(it) for it in place_fields(found)) and path[1:] in _INSIDE
        if says_place and _is_path(text, inner):
            moved = _joined(inner, text, outer)
            return moved if moved.startswith(("../", "/")) else f"./{moved}"
        return text

    return relocated


def _joined(inner: Path, text: str, outer: Path) -> str:
    return Path(os.path.normpath(os.path.relpath(inner / text, outer))).as_posix()


def _is_absolute(text: str) -> bool:
    return text.startswith("~") or Path(text).is_absolute()


def _is_path(text: str, base: Path) -> bool:
    from sdflow.models.refused import Refused
    from sdflow.models.source import parse_source
    from sdflow.models.source_kinds import FileSource, FolderSource

    try:
        return isinstance(parse_source(text, base), FileSource | FolderSource)
    except Refused:
        return False
