"""The table of features: every node, field, recipe and test in it is there, and every node type is in it."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from sdflow.cli.main import sdflow
from sdflow.nodes.builtin import default_registry

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "features.md"
HEAD = "| feature | node, field | recipe | test | compared with |"


@dataclass(frozen=True)
class Row:
    feature: str
    node: str
    recipe: str
    test: str
    compared: str


def rows() -> list[Row]:
    """The rows of all tables with the one head."""
    found = []
    inside = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line == HEAD:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("| ---"):
            found.append(Row(*(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])))
    return found


ROWS = rows()


def test_there_are_rows() -> None:
    assert len(ROWS) > 15
    assert len({row.feature for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row.feature for row in ROWS])
def test_a_row_is_true(row: Row) -> None:
    node, *fields = re.findall(r"`([^`]+)`", row.node)
    if node.startswith("sdflow "):
        assert_command(node)
    else:
        node_type = next(it for it in default_registry() if it.name == node)
        known = {field.alias or name for name, field in node_type.model_fields.items()}
        assert set(fields) <= known
    if row.recipe:
        for link in re.findall(r"\]\(([^)]+)\)", row.recipe):
            assert (PAGE.parent / link).is_file()
    tests = re.findall(r"`([^`]+)`", row.test)
    assert tests, "no row without its test"
    for test in tests:
        path, _, function = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        names = {item.name for item in ast.walk(tree) if isinstance(item, ast.FunctionDef)}
        assert any(name.startswith("test_") for name in names)
        assert not function or function in names


def assert_command(words: str) -> None:
    """`sdflow diff --pictures`: there is such a command, and it has such options."""
    _, name, *rest = words.split()
    command = sdflow.get_command(click.Context(sdflow), name)
    if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        command = command.get_command(click.Context(command), rest.pop(0))
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("-")} <= options


def test_every_node_type_is_a_feature() -> None:
    named = {re.findall(r"`([^`]+)`", row.node)[0] for row in ROWS}
    assert {it.name for it in default_registry() if it.__module__.startswith("sdflow.")} <= named
