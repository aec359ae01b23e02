"""What the shell completes."""

import pytest
from click.shell_completion import ShellComplete

from sdflow.cli.main import sdflow as group
from tests.cli.conftest import Sdflow


@pytest.fixture
def complete(sdflow: Sdflow, monkeypatch: pytest.MonkeyPatch) -> "Complete":
    return Complete(monkeypatch)


class Complete:
    """Completes the last word of a line."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, line: str) -> list[str]:
        self.monkeypatch.setenv("COMP_WORDS", f"sdflow {line}")
        *words, last = line.split(" ")
        found = ShellComplete(group, {}, "sdflow", "_SDFLOW_COMPLETE").get_completions(words, last)
        return [item.value for item in found]


def test_commands(complete: Complete) -> None:
    assert complete("co") == ["config"]


def test_recipes_that_sdflow_brings(complete: Complete) -> None:
    assert complete("new txt") == ["txt2img"]


def test_node_types(complete: Complete) -> None:
    assert complete("nodes de") == ["detect-pose", "denoise", "decode"]


@pytest.mark.parametrize("line", ["run sum.yaml --to t", "plan sum.yaml --force t", "explain sum.yaml t"])
def test_nodes_of_the_recipe(complete: Complete, line: str) -> None:
    assert complete(line) == ["two", "top"]


def test_params_of_the_recipe(complete: Complete) -> None:
    assert complete("run sum.yaml -p ") == ["first=", "second="]
    assert complete("run sum.yaml -p s") == ["second="]


@pytest.mark.parametrize("line", ["run missing.yaml -p ", "run -p ", "explain missing.yaml ", "run - -p "])
def test_without_a_recipe_there_is_nothing_and_no_error(complete: Complete, line: str) -> None:
    assert complete(line) == []
