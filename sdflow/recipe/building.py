"""From YAML events to a tree of plain values and a tree of marks, without recursion and within limits."""

from typing import Final

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from sdflow.composition import Json
from sdflow.problems import Problem, UserError
from sdflow.recipe.findings import Findings
from sdflow.recipe.marks import Mark
from sdflow.recipe.parsing import EventSource, YamlEvent
from sdflow.recipe.scalars import TEXT_BEGINS, Scalar, core_scalar, is_usable
from sdflow.recipe.source import Source

MAX_DEPTH: Final = 64
"""Deepest nesting, aliases followed."""
MAX_VALUES: Final = 500_000
"""Most values (scalars, lists, mappings, keys) that one file may hold."""
MAX_REPEATED_VALUES: Final = 100_000
"""Most values that aliases may add to them."""


class _Anchored:
    """What an anchor stands for: its value, mark, count of values and height."""

    __slots__ = ("height", "mark", "value", "values")

    def __init__(self, value: Json, mark: Mark, values: int, height: int) -> None:
        self.value = value
        self.mark = mark
        self.values = values
        self.height = height


class _Frame:
    """A mapping (`mapping` is not None) or list (`items` is not None) that is still open.

    `key` waits for its value; while it is None, a mapping expects a key. `dropped` says that the value of `key` is
    not kept, because something is wrong with the key.
    """

    __slots__ = (
        "anchor",
        "before",
        "children",
        "dropped",
        "height",
        "is_key",
        "items",
        "key",
        "key_end",
        "key_start",
        "mapping",
        "marks",
        "start",
    )

    def __init__(self, start: int, anchor: str | None, before: int, *, mapping: bool, is_key: bool) -> None:
        self.start = start
        self.anchor = anchor
        self.before = before
        self.height = 1
        self.is_key = is_key
        self.mapping: dict[str, Json] | None = {} if mapping else None
        self.children: dict[str, Mark] = {}
        self.items: list[Json] = []
        self.marks: list[Mark] = []
        self.key: str | None = None
        self.key_start = 0
        self.key_end = 0
        self.dropped = False


class Builder:
    """Takes a text's events; then `root` is its value with its mark (None for a text without a document)."""

    def __init__(self, source: Source) -> None:
        self.problems: list[Problem] = Findings()
        self.root: tuple[Json, Mark] | None = None
        self._source = source
        self._stack: list[_Frame] = []
        self._frame: _Frame | None = None
        self._anchors: dict[str, _Anchored | None] = {}
        self._count = 0
        self._repeated = 0
        self._documents = 0

    def run(self, events: EventSource) -> None:
        """Take all events.

        Raises:
            UserError: a limit is passed, or a second document begins.
        """
        get_event, scalar = events.get_event, self._scalar
        while True:
            event = get_event()
            kind: type[object] = event.__class__
            if kind is ScalarEvent:
                scalar(event)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event, mapping=kind is MappingStartEvent)
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                self._document(event)
            elif kind is StreamEndEvent:
                return

    def _scalar(self, event: YamlEvent) -> None:
        # Most events of a recipe pass here: one call, few lookups.
        self._count += 1
        if self._count > MAX_VALUES:
            self._too_many(event)
        text = event.value
        value: Scalar = text
        start, end = event.start_mark.index, event.end_mark.index
        if event.implicit[0]:
            if text[:1] not in TEXT_BEGINS:
                value = core_scalar(text)
            if value.__class__ is not str and not is_usable(value):
                self._note("SDF114", f"{event.value[:40]} is not a number that sdflow can use", event)
                value = 0
        elif event.style == '"' and not text.isascii():
            self._refuse_surrogates(event)
        if event.tag is not None:
            self._tag(event)
        frame = self._frame
        if frame is None:
            self.root = (value, Mark(start, end))
        elif frame.mapping is None:
            frame.items.append(value)
            frame.marks.append(self._anchored(event, value, Mark(start, end)))
        elif frame.key is None:
            frame.key, frame.key_start, frame.key_end = text, start, end
            if value.__class__ is not str or text in frame.mapping or text == "<<":
                self._check_key(frame, value, event)
        elif frame.dropped:
            frame.key, frame.dropped = None, False
            self._anchored(event, value, Mark(start, end))
        else:
            if start == end:  # nothing stands there: `key:`
                start, end = frame.key_start, frame.key_end
            mark = Mark(start, end, frame.key_start, frame.key_end)
            frame.mapping[frame.key] = value
            frame.children[frame.key] = mark if event.anchor is None else self._anchored(event, value, mark)
            frame.key = None

    def _anchored(self, event: YamlEvent, value: Json, mark: Mark) -> Mark:
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, mark, 1, 0)
        return mark

    def _check_key(self, frame: _Frame, value: Json, event: YamlEvent) -> None:
        shown = event.value[:40]
        if not isinstance(value, str):
            self._note("SDF112", f"the key `{shown}` is not a text", event, f'quote it: "{shown}"')
        elif frame.mapping is not None and value in frame.mapping:
            first = self._source.position(frame.children[value].key_start, 0).line
            self._note("SDF108", f"`{shown}` is here twice; the first is in line {first}", event)
        elif event.implicit[0]:
            hint = "write the keys out, or use a param"
            self._note("SDF110", "`<<` merges no mappings here: YAML 1.2 has no merge keys", event, hint)
        else:
            return
        frame.dropped = True

    def _open(self, event: YamlEvent, *, mapping: bool) -> None:
        frame = self._frame
        self._count += 1
        if self._count > MAX_VALUES:
            self._too_many(event)
        if event.tag is not None:
            self._tag(event)
        is_key = frame is not None and frame.mapping is not None and frame.key is None
        if is_key:
            hint = "quote a text that begins with `{` or `[`"
            self._note("SDF112", "a key cannot be a list or a mapping", event, hint)
        if len(self._stack) >= MAX_DEPTH:
            self._fatal("SDF103", f"nested deeper than {MAX_DEPTH} levels", event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        before = self._count + self._repeated
        self._frame = _Frame(event.start_mark.index, event.anchor, before, mapping=mapping, is_key=is_key)
        self._stack.append(self._frame)

    def _close(self, event: YamlEvent) -> None:
        frame = self._stack.pop()
        outer = self._frame = self._stack[-1] if self._stack else None
        mark = Mark(frame.start, event.end_mark.index)
        mark.children = frame.marks if frame.mapping is None else frame.children
        value: Json = frame.items if frame.mapping is None else frame.mapping
        if frame.anchor is not None:
            values = self._count + self._repeated - frame.before + 1
            self._anchors[frame.anchor] = _Anchored(value, mark, values, frame.height)
        if frame.is_key and outer is not None:
            outer.key, outer.dropped = "", True
            return
        self._add(value, mark, frame.height)

    def _alias(self, event: YamlEvent) -> None:
        name, frame = str(event.anchor), self._frame
        anchored = self._anchors.get(name)
        if anchored is None:
            message = "contains itself" if name in self._anchors else "names no anchor above it"
            self._note("SDF113", f"`*{name[:40]}` {message}", event)
            anchored = _Anchored(None, Mark(0, 0), 1, 0)
        if frame is not None and frame.mapping is not None and frame.key is None:
            self._note("SDF112", f"the alias `*{name[:40]}` as a key", event, "write the key out")
            frame.key, frame.dropped = "", True
            return
        self._repeated += anchored.values
        if self._repeated > MAX_REPEATED_VALUES:
            self._fatal("SDF113", f"aliases repeat more than {MAX_REPEATED_VALUES:,} values", event)
        if len(self._stack) + anchored.height > MAX_DEPTH:
            self._fatal("SDF103", f"nested deeper than {MAX_DEPTH} levels by aliases", event)
        mark = Mark(event.start_mark.index, event.end_mark.index)
        mark.children = anchored.mark.children
        self._add(anchored.value, mark, anchored.height)

    def _add(self, value: Json, mark: Mark, height: int) -> None:
        frame = self._frame
        if frame is None:
            self.root = (value, mark)
            return
        frame.height = max(frame.height, height + 1)
        if frame.mapping is None:
            frame.items.append(value)
            frame.marks.append(mark)
        elif frame.key is not None:
            if not frame.dropped:
                mark.key_start, mark.key_end = frame.key_start, frame.key_end
                frame.mapping[frame.key] = value
                frame.children[frame.key] = mark
            frame.key, frame.dropped = None, False

    def _document(self, event: YamlEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self._fatal(
                "SDF111", "a second document begins here", event, "give every recipe a file of its own"
            )

    def _refuse_surrogates(self, event: YamlEvent) -> None:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._fatal("SDF105", "half of a surrogate pair", event, "write the character itself")

    def _tag(self, event: YamlEvent) -> None:
        tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
        self._note("SDF109", f"the tag `{tag[:40]}`", event, "remove it; quote what must be a text")

    def _too_many(self, event: YamlEvent) -> None:
        self._fatal("SDF103", f"more than {MAX_VALUES:,} values", event)

    def _note(self, code: str, message: str, event: YamlEvent, hint: str | None = None) -> None:
        position = self._source.position(event.start_mark.index, event.end_mark.index)
        self.problems.append(Problem(code, message, position, hint=hint))

    def _fatal(self, code: str, message: str, event: YamlEvent, hint: str | None = None) -> None:
        self._note(code, message, event, hint)
        raise UserError(*self.problems)
