"""Problems as text: the line, the caret, the hint; and nothing that steers a terminal."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sdflow.problems import Position, Problem
from sdflow.problems.docs import errors_page
from sdflow.problems.render import WIDTH, excerpt, render

SOURCE = "sdflow: 1\nnodes:\n  sample:\n    steps: 0\n"


def at(
    line: int, column: int, length: int = 1, *, message: str = "wrong", hint: str | None = None
) -> Problem:
    return Problem("SDF204", message, Position("r.yaml", line, column, length), hint=hint)


def test_a_problem_with_its_line_caret_and_hint() -> None:
    shown = render([at(4, 5, 5, hint="at least 1")], {"r.yaml": SOURCE})
    assert shown.splitlines() == [
        "r.yaml:4:5: SDF204 wrong",
        "      steps: 0",
        "      ^~~~~",
        "  hint: at least 1",
    ]


def test_problems_come_by_position_and_once() -> None:
    problems = [Problem("SDF204", "nowhere"), at(4, 5), at(2, 1), at(4, 5), at(10, 1)]
    heads = [line for line in render(problems, {}).splitlines() if "SDF204" in line]
    assert heads == [
        "r.yaml:2:1: SDF204 wrong",
        "r.yaml:4:5: SDF204 wrong",
        "r.yaml:10:1: SDF204 wrong",
        "SDF204 nowhere",
    ]


def test_a_position_outside_the_text_shows_no_line() -> None:
    assert render([at(99, 1)], {"r.yaml": SOURCE}) == "r.yaml:99:1: SDF204 wrong"


def test_carets_stand_below_wide_characters_tabs_and_accents() -> None:
    assert excerpt("世界 x", 3, 1) == ("世界 x", "     ^")
    assert excerpt("世界 x", 0, 2) == ("世界 x", "^~~~")
    assert excerpt("\tx", 1, 1) == ("    x", "    ^")
    assert excerpt("e\u0301x", 2, 1) == ("e\u0301x", " ^")
    assert excerpt("ab", 2, 5) == ("ab", "  ^")


def test_a_long_line_is_shown_around_its_caret() -> None:
    line = "a" * 5_000_000 + "X" + "b" * 500
    text, caret = excerpt(line, 5_000_000, 400)
    assert len(text) <= WIDTH + 2
    assert text[caret.index("^")] == "X"
    assert len(caret) <= len(text)


@given(st.text(st.characters(exclude_characters="\r\n")), st.integers(0, 50), st.integers(1, 50))
def test_what_is_shown_is_printable(line: str, start: int, length: int) -> None:
    text, caret = excerpt(line, start, length)
    assert text.isprintable()
    assert set(caret) <= {" ", "^", "~"}
    assert caret.count("^") == 1


def test_messages_cannot_steer_the_terminal() -> None:
    shown = render([at(1, 1, message="`\x1b[31m\n\u202e`", hint="\x07")], {"r.yaml": "\x1b[2J\n"})
    assert "\\x1b[31m\\n\\u202e" in shown
    assert shown.replace("\n", "").isprintable()
    assert "\x1b[31m" in render([at(1, 1)], {}, colour=True)


def test_the_page_of_errors_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "errors.md"
    assert page.read_text(encoding="utf-8") == errors_page(), (
        "python -m sdflow.problems.docs > docs/errors.md"
    )
