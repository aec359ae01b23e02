"""What a caller changes about a recipe, and the options of the command line as a text that problems can point into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sdflow.composition import Json
from sdflow.problems import Position, Problem
from sdflow.recipe.source import Source

COMMAND_LINE = "command line"
"""How positions call the options; in their text, every option has a line of its own."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a caller wants otherwise than the recipe says.

    params: `name=value` as given to `-p`; the last one of a name counts.
    values: values by param, as given from Python.
    values_files: YAML files of values by param (`-f`); later files win over earlier ones.
    fields: `nodes.sample.steps=30` as given to `-s`.
    axes: `seed=1,2,3` as given to `--matrix`.
    """

    params: tuple[str, ...] = ()
    values: Mapping[str, Json] = field(default_factory=dict)
    values_files: tuple[Path, ...] = ()
    fields: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Argument:
    """One `name=value` of the command line; `start` is its first character in the text of all options."""

    option: str
    name: str
    value: str
    source: Source
    start: int

    @property
    def shown(self) -> str:
        """The option as it was written."""
        return f"{self.option} {self.name}={self.value}"

    def at_name(self) -> Position:
        """The place of the name."""
        return self.source.position(self.start, self.start + len(self.name))

    def at_value(self) -> Position:
        """The place of the value."""
        start = self.start + len(self.name) + 1
        return self.source.position(start, start + len(self.value))


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The options of one call, by kind, and their text."""

    params: tuple[Argument, ...]
    fields: tuple[Argument, ...]
    axes: tuple[Argument, ...]
    source: Source


def read_options(changes: Changes, problems: list[Problem]) -> CommandLine:
    """Take the options apart at their first `=`; those without one are noted and left out."""
    options = [("-p", given) for given in changes.params]
    options += [("-s", given) for given in changes.fields]
    options += [("--matrix", given) for given in changes.axes]
    # An option with line breaks keeps one line, so that a line is an option; lengths stay.
    lines = [f"{option} {_one_line(given)}" for option, given in options]
    source = Source(COMMAND_LINE, "\n".join(lines))
    read: dict[str, list[Argument]] = {"-p": [], "-s": [], "--matrix": []}
    start = 0
    for (option, given), line in zip(options, lines, strict=True):
        begin = start + len(option) + 1
        name, equals, value = given.partition("=")
        if equals and name:
            read[option].append(Argument(option, name, value, source, begin))
        else:
            message = f"`{option} {given[:40]}` is not `name=value`"
            problems.append(Problem("SDF136", message, source.position(begin, begin + max(1, len(given)))))
        start += len(line) + 1
    return CommandLine(tuple(read["-p"]), tuple(read["-s"]), tuple(read["--matrix"]), source)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
