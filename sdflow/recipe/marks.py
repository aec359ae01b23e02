"""Where the parts of a tree stand in its text."""

from collections.abc import Sequence
from dataclasses import dataclass

from sdflow.problems import Position
from sdflow.recipe.source import Source


class Mark:
    """The place of one value: the indices of its first character and of the one after its last.

    `children` are the marks of a mapping's values or a sequence's items, `keys` the places of a mapping's keys.
    A plain class with slots, because a recipe has one per value.
    """

    __slots__ = ("children", "end", "keys", "start")

    def __init__(
        self,
        start: int,
        end: int,
        children: "dict[str, Mark] | list[Mark] | None" = None,
        keys: dict[str, tuple[int, int]] | None = None,
    ) -> None:
        self.start = start
        self.end = end
        self.children = children
        self.keys = keys

    def child(self, part: str | int) -> "Mark | None":
        """The mark of one part, or None where there is no such part."""
        children = self.children
        if isinstance(children, dict):
            return children.get(part) if isinstance(part, str) else None
        if isinstance(children, list) and isinstance(part, int) and 0 <= part < len(children):
            return children[part]
        return None


@dataclass(frozen=True, slots=True)
class TreeMarks:
    """The marks of a tree or of a part of one; `anchor` is the place to show for the tree as a whole.

    Implements `sdflow.problems.Marks`.
    """

    source: Source
    mark: Mark
    anchor: tuple[int, int] | None = None

    def at(self, path: Sequence[str | int], *, key: bool = False) -> Position:
        """The position of the value at `path`, or of its key; parts that are not in the file are skipped."""
        mark, place = self.mark, self.anchor or (self.mark.start, self.mark.end)
        for part in path:
            child = mark.child(part)
            if child is None:
                key = False
                continue
            place = (child.start, child.end)
            if key and part is path[-1] and isinstance(part, str) and mark.keys is not None:
                place = mark.keys.get(part, place)
            mark = child
        return self.source.position(*place)

    def part(self, *path: str | int) -> "TreeMarks":
        """The marks of the value at `path`, which must exist; its key is what stands for the whole."""
        mark, anchor = self.mark, self.anchor
        for name in path:
            child = mark.child(name)
            if child is None:
                raise KeyError(name)
            anchor = mark.keys.get(name) if mark.keys is not None and isinstance(name, str) else None
            mark = child
        return TreeMarks(self.source, mark, anchor)

    def inside(self, path: Sequence[str | int], part: str, offset: int, *, key: bool = False) -> Position:
        """The position of `part`, `offset` characters into the text at `path` or its key."""
        parent = self.part(*path[:-1]).mark
        child = parent.child(path[-1])
        if child is None:
            return self.at(path)
        place = (child.start, child.end)
        if key and parent.keys is not None and isinstance(path[-1], str):
            place = parent.keys.get(path[-1], place)
        return self.source.inside(*place, part, offset)

    def value_position(self) -> Position:
        """The place of the value itself, where `at([])` gives its key's."""
        return self.source.position(self.mark.start, self.mark.end)
