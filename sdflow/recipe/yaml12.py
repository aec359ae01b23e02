"""Strict YAML 1.2: one document of mappings, lists and scalars, with the place of every value.

Refused, each with a code: duplicate keys, tags, merge keys, keys that are no texts, several documents, numbers
that JSON cannot hold, aliases that contain themselves, and everything beyond the limits below. Scalars follow
the core schema. Values that an alias repeats are shared, never copied.
"""

from dataclasses import dataclass
from typing import Final

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from sdflow.composition import Json
from sdflow.problems import Problem, UserError
from sdflow.recipe.decoding import decode
from sdflow.recipe.marks import Mark, TreeMarks
from sdflow.recipe.parsing import PARSER_ERRORS, event_source, syntax_problem
from sdflow.recipe.scalars import core_scalar, is_usable
from sdflow.recipe.source import Source

MAX_DEPTH: Final = 64
"""Deepest nesting, aliases followed."""
MAX_VALUES: Final = 1_000_000
"""Most values (scalars, lists, mappings, keys) that one file may hold."""
MAX_REPEATED_VALUES: Final = 100_000
"""Most values that aliases may add to them."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A document: its plain value, where its parts stand, and what is wrong with it."""

    value: Json
    marks: TreeMarks
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Json
    mark: Mark
    values: int
    height: int


class _Frame:
    """A mapping or list that is still open."""

    __slots__ = ("anchor", "children", "container", "count", "height", "is_key", "key", "key_place", "keys", "start")

    def __init__(self, start: int, anchor: str | None, count: int, *, mapping: bool, is_key: bool) -> None:
        self.start = start
        self.anchor = anchor
        self.count = count
        self.height = 1
        self.is_key = is_key
        self.container: dict[str, Json] | list[Json] = {} if mapping else []
        self.children: dict[str, Mark] | list[Mark] = {} if mapping else []
        self.keys: dict[str, tuple[int, int]] | None = {} if mapping else None
        self.key: str | None = None  # the key that waits for its value; None while a key is expected
        self.key_place: tuple[int, int] | None = None  # None for a key whose value is dropped


def parse_yaml(data: bytes, file: str, *, pure_python: bool = False) -> Tree:
    """Read a file's bytes.

    Raises:
        UserError: nothing can be read beyond this problem: no text, broken syntax, a limit. What else is wrong is in
            the tree's `problems`.
    """
    return parse_text(decode(data, file), pure_python=pure_python)


def parse_text(source: Source, *, pure_python: bool = False) -> Tree:
    """Read a text; see `parse_yaml`."""
    builder = _Builder(source)
    try:
        parser = event_source(source.text, pure_python=pure_python)
        while not builder.take(parser.get_event()):
            pass
    except PARSER_ERRORS as error:
        raise UserError(*builder.problems, syntax_problem(error, source)) from None
    if builder.root is None:
        position = source.position(0, 0)
        raise UserError(Problem("SDF102", f"{source.file} holds nothing but comments", position))
    value, mark = builder.root
    return Tree(value, TreeMarks(source, mark), tuple(builder.problems))


class _Builder:
    """Puts events together to a tree, without recursion."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.root: tuple[Json, Mark] | None = None
        self._stack: list[_Frame] = []
        self._frame: _Frame | None = None
        self._anchors: dict[str, _Anchored | None] = {}
        self._count = 0
        self._repeated = 0
        self._documents = 0

    def take(self, event: Event) -> bool:
        """Take one event; True after the last."""
        kind = type(event)
        if kind is ScalarEvent:
            self._scalar(event)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            self._open(event, mapping=kind is MappingStartEvent)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._close(event)
        elif kind is AliasEvent:
            self._alias(event)
        elif kind is DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                self._fatal("SDF111", "a second document begins here", event, "put every recipe into its own file")
        return kind is StreamEndEvent

    def _scalar(self, event: ScalarEvent) -> None:
        frame = self._frame
        start, end = event.start_mark.index, event.end_mark.index
        self._counted(event)
        if event.tag is not None:
            self._tag(event)
        value: Json = event.value
        if event.implicit[0]:
            value = core_scalar(event.value)
            if value.__class__ in (int, float) and not is_usable(value):
                self._problem("SDF114", f"{event.value[:40]} is not a number that sdflow can use", event)
                value = 0
        elif event.style == '"' and not event.value.isascii() and any("\ud800" <= c <= "\udfff" for c in event.value):
            self._problem("SDF105", "half of a surrogate pair", event, "write the character itself")
        if frame is not None and frame.keys is not None and frame.key is None:
            self._key(frame, value, event)
            return
        mark = Mark(start, end)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, mark, 1, 1)
        self._add(value, mark, 1)

    def _key(self, frame: _Frame, value: Json, event: ScalarEvent) -> None:
        place = (event.start_mark.index, event.end_mark.index)
        frame.key, frame.key_place = event.value, place
        keys = frame.keys or {}
        if not isinstance(value, str):
            hint = f'quote it: "{event.value[:40]}"'
            self._problem("SDF112", f"the key `{event.value[:40]}` is not a text", event, hint)
            frame.key_place = None
        elif value == "<<" and event.implicit[0]:
            hint = "write the keys out, or use a param"
            self._problem("SDF110", "`<<` merges no mappings here: YAML 1.2 has no merge keys", event, hint)
            frame.key_place = None
        elif value in keys:
            first = self.source.position(*keys[value]).line
            self._problem("SDF108", f"`{value[:40]}` is here twice; the first is in line {first}", event)
            frame.key_place = None

    def _open(self, event: MappingStartEvent | SequenceStartEvent, *, mapping: bool) -> None:
        frame = self._frame
        self._counted(event)
        if event.tag is not None:
            self._tag(event)
        is_key = frame is not None and frame.keys is not None and frame.key is None
        if is_key:
            self._problem("SDF112", "a key cannot be a list or a mapping", event, "quote a text that begins with `{` or `[`")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if len(self._stack) >= MAX_DEPTH:
            self._fatal("SDF103", f"nested deeper than {MAX_DEPTH} levels", event)
        new = _Frame(event.start_mark.index, event.anchor, self._count + self._repeated, mapping=mapping, is_key=is_key)
        self._stack.append(new)
        self._frame = new

    def _close(self, event: MappingEndEvent | SequenceEndEvent) -> None:
        frame = self._stack.pop()
        self._frame = self._stack[-1] if self._stack else None
        mark = Mark(frame.start, max(event.end_mark.index, frame.start), frame.children, frame.keys)
        if frame.anchor is not None:
            values = self._count + self._repeated - frame.count + 1
            self._anchors[frame.anchor] = _Anchored(frame.container, mark, values, frame.height)
        if frame.is_key and self._frame is not None:
            self._frame.key, self._frame.key_place = "", None
            return
        self._add(frame.container, mark, frame.height)

    def _alias(self, event: AliasEvent) -> None:
        name = event.anchor
        frame = self._frame
        anchored = self._anchors.get(name, None)
        if anchored is None:
            open_yet = name in self._anchors
            message = f"`*{name}` contains itself" if open_yet else f"`*{name}` names no anchor above it"
            self._problem("SDF113", message, event)
            anchored = _Anchored(None, Mark(event.start_mark.index, event.end_mark.index), 1, 1)
        if frame is not None and frame.keys is not None and frame.key is None:
            self._problem("SDF112", f"an alias, `*{name}`, as a key", event, "write the key out")
            frame.key, frame.key_place = "", None
            return
        self._repeated += anchored.values
        if self._repeated > MAX_REPEATED_VALUES:
            self._fatal("SDF113", f"aliases repeat more than {MAX_REPEATED_VALUES:,} values", event)
        if len(self._stack) + anchored.height > MAX_DEPTH + 1:
            self._fatal("SDF103", f"nested deeper than {MAX_DEPTH} levels by aliases", event)
        target = anchored.mark
        mark = Mark(event.start_mark.index, event.end_mark.index, target.children, target.keys)
        self._add(anchored.value, mark, anchored.height)

    def _add(self, value: Json, mark: Mark, height: int) -> None:
        frame = self._frame
        if frame is None:
            self.root = (value, mark)
            return
        if height >= frame.height:
            frame.height = height + 1
        if frame.key is None:
            frame.container.append(value)  # type: ignore[union-attr]  # without a key it is a list
            frame.children.append(mark)  # type: ignore[union-attr]
            return
        key, place = frame.key, frame.key_place
        frame.key = None
        if place is not None:
            frame.container[key] = value  # type: ignore[call-overload]  # with a key it is a mapping
            frame.children[key] = mark  # type: ignore[call-overload]
            frame.keys[key] = place  # type: ignore[index]

    def _counted(self, event: Event) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            self._fatal("SDF103", f"more than {MAX_VALUES:,} values", event)

    def _tag(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent) -> None:
        tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
        self._problem("SDF109", f"the tag `{tag[:40]}`", event, "remove it; quote what must be a text")

    def _problem(self, code: str, message: str, event: Event, hint: str | None = None) -> None:
        position = self.source.position(event.start_mark.index, event.end_mark.index)
        self.problems.append(Problem(code, message, position, hint=hint))

    def _fatal(self, code: str, message: str, event: Event, hint: str | None = None) -> None:
        self._problem(code, message, event, hint)
        raise UserError(*self.problems)
