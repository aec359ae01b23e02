"""Text in columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.cli.tables import paint, plain, printable, shortened, table, width_of

ROWS = [["sample", "12 s", "steps 20 → 30"], ["画像", "1 s", "a very long reason that goes on and on"]]


def test_columns_are_aligned_by_what_a_terminal_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert table(["node", "time", "why"], ROWS, right=(1,)) == (
        "node    time  why\n"
        "sample  12 s  steps 20 → 30\n"
        "画像     1 s  a very long reason that goes on and on"
    )  # fmt: skip


def test_the_elastic_column_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    rows = [[*row[:2], paint(row[2], "red")] for row in ROWS]
    shown = table(["node", "time", "why"], rows, right=(1,), elastic=2, width=30)
    assert [width_of(line) for line in shown.splitlines()] == [17, 27, 30]
    assert plain(shown).splitlines()[2] == "画像     1 s  a very long rea…"
    assert shown.splitlines()[2].endswith("…\x1b[0m")


def test_or_goes_on_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert table(["node", "time", "why"], ROWS, right=(1,), elastic=2, width=30, wrap=True) == (
        "node    time  why\n"
        "sample  12 s  steps 20 → 30\n"
        "画像     1 s  a very long\n"
        "              reason that goes\n"
        "              on and on"
    )  # fmt: skip


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "")
    assert paint("x", "red") == "\x1b[31mx\x1b[0m"


@given(st.text(), st.integers(1, 30))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    assert width_of(shortened(printable(text), width)) <= width


@given(st.text())
def test_nothing_printable_steers_a_terminal(text: str) -> None:
    assert printable(text).isprintable()
