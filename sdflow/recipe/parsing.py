"""The stream of YAML events of a text: from libyaml where PyYAML has it, else from PyYAML's own parser.

Only events are taken, never PyYAML's composer or constructor: those recurse (deep nesting ends the process)
and resolve scalars by YAML 1.1.
"""

from typing import Protocol, cast

from yaml.error import MarkedYAMLError, YAMLError
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from sdflow.problems import Problem
from sdflow.recipe.source import Source


class YamlMark(Protocol):
    """A place in the text; `index` counts characters from 0."""

    @property
    def index(self) -> int:
        """Characters before it."""


class YamlEvent(Protocol):
    """What is used of PyYAML's events; which attributes an event has depends on its class."""

    start_mark: YamlMark
    end_mark: YamlMark
    anchor: str | None
    tag: str | None
    value: str
    style: str | None
    implicit: tuple[bool, bool]


class EventSource(Protocol):
    """Gives one event after the other, the last of them a `StreamEndEvent`."""

    def get_event(self) -> YamlEvent:
        """The next event."""


class _PurePythonParser(Reader, Scanner, Parser):
    """PyYAML's parser without composer and resolver.

    It takes tabs between tokens as libyaml does; tabs inside plain texts, which libyaml takes, it refuses. What both
    take, they read alike.
    """

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()


def event_source(text: str, *, pure_python: bool = False) -> EventSource:
    """A parser of `text`; `pure_python` leaves libyaml aside."""
    if not pure_python:
        try:
            from yaml._yaml import CParser
        except ImportError:
            pass
        else:
            return cast("EventSource", CParser(text))
    return cast("EventSource", _PurePythonParser(text))


_ADVICE = (
    ("mapping values are not allowed", "`: ` stands where no key can be", "quote a text that contains `: `"),
    ("cannot start any token", "a plain text cannot begin with this character", "quote the text"),
    ("expected <block end>", "this line does not fit the lines above it", "check its indentation and quotes"),
    (
        "did not find expected key",
        "this line does not fit the lines above it",
        "check its indentation and quotes",
    ),
    ("expected '-' indicator", "this line does not fit the list above it", "begin every item with `- `"),
    ("unexpected end of stream", "the quote that begins here is never closed", "close it"),
    ("unknown escape character", "unknown escape after `\\`", "use single quotes, or write `\\\\`"),
    ("expected ':'", "a key without its `:`", "write `key: value`, or quote the text"),
    ("expected alphabetic or numeric", "`*` and `&` begin an alias or an anchor", "quote the text"),
    (
        "did not find expected ',' or",
        "a bracket that is not closed, or a missing comma",
        "check the brackets",
    ),
    ("expected ',' or", "a bracket that is not closed, or a missing comma", "check the brackets"),
    ("expected node content", "a bracket that is not closed, or a value is missing", "check the brackets"),
    (
        "expected the node content",
        "a bracket that is not closed, or a value is missing",
        "check the brackets",
    ),
    ("expected <document start>", "text after the end of the document", "check the indentation and quotes"),
)


def syntax_problem(error: Exception, source: Source) -> Problem:
    """What a parser's error means, in words that do not need YAML's grammar."""
    index, said = len(source.text), str(error)
    if isinstance(error, MarkedYAMLError):
        said = error.problem or error.context or said
        in_quotes = "end of stream" in said and error.context_mark is not None
        mark = error.context_mark if in_quotes else error.problem_mark or error.context_mark
        index = mark.index if mark is not None else index
    position = source.position(index, index + 1)
    if _indented_with_tab(source, index):
        return Problem("SDF106", "a tab where YAML needs spaces", position, hint="indent with spaces")
    if "nesting depth" in said:  # libyaml's own limit, which is beyond ours
        return Problem("SDF103", "nested deeper than sdflow reads", position)
    for words, message, hint in _ADVICE:
        if words in said:
            return Problem("SDF105", message, position, hint=hint)
    return Problem("SDF105", said.split("\n", 1)[0], position)


def _indented_with_tab(source: Source, index: int) -> bool:
    line_start = max(source.text.rfind("\n", 0, index), source.text.rfind("\r", 0, index)) + 1
    rest = source.text[line_start:]
    indentation = rest[: len(rest) - len(rest.lstrip(" \t"))]
    return "\t" in indentation and index <= line_start + len(indentation)


PARSER_ERRORS = (YAMLError, ValueError, OverflowError, RecursionError)
"""What the two parsers raise on broken text; the last three come from odd escapes in PyYAML's own."""
