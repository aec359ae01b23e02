"""Strict YAML 1.2: one document of mappings, lists and scalars, with the place of every value.

Refused, each with a code: duplicate keys, tags, merge keys, keys that are no texts, several documents, numbers
that JSON cannot hold, aliases that contain themselves, and everything beyond the limits of `building`. Scalars
follow the core schema. Values that an alias repeats are shared, never copied.
"""

from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.problems import Problem, UserError
from sdflow.recipe.building import Builder
from sdflow.recipe.decoding import decode
from sdflow.recipe.marks import TreeMarks
from sdflow.recipe.parsing import PARSER_ERRORS, event_source, syntax_problem
from sdflow.recipe.source import Source


@dataclass(frozen=True, slots=True)
class Tree:
    """A document: its plain value, where its parts stand, and what is wrong with it."""

    value: Json
    marks: TreeMarks
    problems: tuple[Problem, ...]


def parse_yaml(data: bytes, file: str, *, pure_python: bool = False) -> Tree:
    """Read a file's bytes.

    Raises:
        UserError: nothing can be read beyond this problem: no text, broken syntax, a limit. What else is wrong is in
            the tree's `problems`.
    """
    return parse_text(decode(data, file), pure_python=pure_python)


def parse_text(source: Source, *, pure_python: bool = False) -> Tree:
    """Read a text that `decode` has let through; see `parse_yaml`."""
    builder = Builder(source)
    try:
        builder.run(event_source(source.text, pure_python=pure_python))
    except PARSER_ERRORS as error:
        raise UserError(*_with_syntax(builder.problems, syntax_problem(error, source))) from None
    if builder.root is None:
        position = source.position(0, 0)
        raise UserError(Problem("SDF102", f"{source.file} holds nothing but comments", position))
    value, mark = builder.root
    return Tree(value, TreeMarks(source, mark), tuple(builder.problems))


def _with_syntax(problems: list[Problem], syntax: Problem) -> list[Problem]:
    """All of them; but what goes wrong behind another problem of the same line mostly follows from that one."""
    lines = {problem.position.line for problem in problems if problem.position is not None}
    follows = syntax.position is not None and syntax.position.line in lines
    return problems if follows else [*problems, syntax]
