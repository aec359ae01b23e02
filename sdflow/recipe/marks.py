"""Where the parts of a tree stand in its text."""

from collections.abc import Sequence
from dataclasses import dataclass

from sdflow.problems import Position
from sdflow.recipe.source import Source


class Mark:
    """The place of one value: the indices of its first character and of the one after its last, and of its key's.

    `children` are the marks of a mapping's values or a list's items. A plain class with slots, because a recipe
    has one per value.
    """

    __slots__ = ("children", "end", "key_end", "key_start", "start")

    def __init__(self, start: int, end: int, key_start: int = -1, key_end: int = -1) -> None:
        self.start = start
        self.end = end
        self.key_start = key_start
        self.key_end = key_end
        self.children: dict[str, Mark] | list[Mark] | None = None

    def child(self, part: str | int) -> "Mark | None":
        """The mark of one part, or None where there is no such part."""
        children = self.children
        if isinstance(children, dict):
            return children.get(part) if isinstance(part, str) else None
        if isinstance(children, list) and isinstance(part, int) and 0 <= part < len(children):
            return children[part]
        return None

    @property
    def key_place(self) -> tuple[int, int]:
        """The place of the key of a mapping's value; of the value itself where it has none."""
        return (self.start, self.end) if self.key_start < 0 else (self.key_start, self.key_end)


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
        last = len(path) - 1
        for depth, part in enumerate(path):
            child = mark.child(part)
            if child is not None:
                mark = child
                place = mark.key_place if key and depth == last else (mark.start, mark.end)
        return self.source.position(*place)

    def part(self, *path: str | int) -> "TreeMarks":
        """The marks of the value at `path`, which must exist; its key is what stands for the whole."""
        mark = self.mark
        for name in path:
            child = mark.child(name)
            if child is None:
                raise KeyError(name)
            mark = child
        return TreeMarks(self.source, mark, mark.key_place)

    def inside(self, path: Sequence[str | int], part: str, offset: int, *, key: bool = False) -> Position:
        """The position of `part`, `offset` characters into the text at `path`, which must exist, or into its key."""
        mark = self.part(*path).mark
        place = mark.key_place if key else (mark.start, mark.end)
        return self.source.inside(*place, part, offset)

    def value_position(self) -> Position:
        """The place of the value itself, where `at([])` gives its key's."""
        return self.source.position(self.mark.start, self.mark.end)
