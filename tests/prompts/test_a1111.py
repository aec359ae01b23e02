"""A1111's prompts, worked out by hand from the rules that its wiki gives."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.prompts import PromptError, read_prompt
from sdflow.prompts.emphasis import read_emphasis
from sdflow.prompts.schedule import MOST_VARIANTS, read_schedule
from sdflow.values import ALWAYS

UP, DOWN = 1.1, 1 / 1.1

# A prompt → its parts (BREAK divides them), each as (text, weight).
EMPHASIS: dict[str, list[list[tuple[str, float]]]] = {
    "": [[]],
    "a red fox": [[("a red fox", 1)]],
    "a (red) fox": [[("a ", 1), ("red", UP), (" fox", 1)]],
    "a ((red)) fox": [[("a ", 1), ("red", 1.21), (" fox", 1)]],
    "a [red] fox": [[("a ", 1), ("red", DOWN), (" fox", 1)]],
    "[[far away]]": [[("far away", 1 / 1.21)]],
    "a (red:1.3) fox": [[("a ", 1), ("red", 1.3), (" fox", 1)]],
    "(red: 1.3 )": [[("red", 1.3)]],
    "(red:0.25)": [[("red", 0.25)]],
    "(red:.5)": [[("red", 0.5)]],
    "((red:1.3))": [[("red", 1.43)]],
    "(a (red:2) fox:1.5)": [[("a ", 1.5), ("red", 3.0), (" fox", 1.5)]],
    "([red])": [[("red", 1)]],
    "(a [red] fox)": [[("a ", UP), ("red", 1), (" fox", UP)]],
    r"a \(red\) fox": [[("a (red) fox", 1)]],
    r"\[red\] \\ fox": [[(r"[red] \ fox", 1)]],
    r"(anime_\(style\):1.2)": [[("anime_(style)", 1.2)]],
    "a (red fox": [[("a ", 1), ("red fox", UP)]],
    "a ((red) fox": [[("a ", 1), ("red", 1.21), (" fox", UP)]],
    "a red) fox]": [[("a red) fox]", 1)]],
    "a red:1.3) fox": [[("a red:1.3) fox", 1)]],
    "time: 12:30": [[("time: 12:30", 1)]],
    "(12:30)": [[("12", 30)]],
    "(red:much)": [[("red:much", UP)]],
    "[red:1.3)": [[("red:1.3)", DOWN)]],
    "(red) (fox)": [[("red", UP), (" ", 1), ("fox", UP)]],
    "(red)(fox)": [[("redfox", UP)]],
    "a fox BREAK a moon": [[("a fox", 1)], [("a moon", 1)]],
    "a BREAK BREAK b": [[("a", 1)], [], [("b", 1)]],
    "(a fox BREAK a moon:1.2) b": [[("a fox", 1.2)], [("a moon", 1.2), (" b", 1)]],
    "BREAKfast, break, a_BREAK": [[("BREAKfast, break, a_BREAK", 1)]],
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).": [
        [
            ("a ", 1),
            ("house", 1.573),
            (" ", UP),
            ("on", 1),
            (" a ", UP),
            ("hill", 0.55),
            (", sun, ", UP),
            ("sky", 1.4641),
            (".", UP),
        ]
    ],
}

# A prompt → what it says in each of ten steps: (in how many steps, the text with its emphasis).
SCHEDULES: dict[str, list[tuple[int, str]]] = {
    "a [fantasy:cyberpunk:4] city": [(4, "a fantasy city"), (6, "a cyberpunk city")],
    "a [fantasy:cyberpunk:0.25] city": [(2, "a fantasy city"), (8, "a cyberpunk city")],
    "a fox[ at night:3]": [(3, "a fox"), (7, "a fox at night")],
    "a fox[ at night::3]": [(3, "a fox at night"), (7, "a fox")],
    "[cat:dog: 5 ]": [(5, "cat"), (5, "dog")],
    "[cat:dog:1]": [(1, "cat"), (9, "dog")],
    "[cat:dog:1.0]": [(10, "cat")],
    "[cat:dog:0]": [(10, "dog")],
    "[cat:dog:-1]": [(10, "dog")],
    "[cat:dog:10]": [(10, "cat")],
    "[cat:dog:.55]": [(5, "cat"), (5, "dog")],
    "a [b:[c:d:6]:2] e": [(2, "a b e"), (4, "a c e"), (4, "a d e")],
    "[[a:b:2]:[c:d:8]:5]": [(2, "a"), (3, "b"), (3, "c"), (2, "d")],
    "[a:b:3] [c:d:0.6]": [(3, "a c"), (3, "b c"), (4, "b d")],
    "[(a cat:1.2):(a dog:0.9):5]": [(5, "(a cat:1.2)"), (5, "(a dog:0.9)")],
    "([cat:dog:5]:1.2)": [(5, "(cat:1.2)"), (5, "(dog:1.2)")],
    "[cow|horse]": [(1, "cow"), (1, "horse")] * 5,
    "[a|b|c] x": [(1, "a x"), (1, "b x"), (1, "c x")] * 3 + [(1, "a x")],
    "[fe|]male": [(1, "female"), (1, "male")] * 5,
    "[a|b]-[c|d|e]": [
        *[(1, "a-c"), (1, "b-d"), (1, "a-e"), (1, "b-c"), (1, "a-d"), (1, "b-e")],
        *[(1, "a-c"), (1, "b-d"), (1, "a-e"), (1, "b-c")],
    ],
    "[a|[b:c:5]]": [*[(1, "a"), (1, "b")] * 2, *[(1, "a"), (1, "c")] * 3],
    "[[a|b]:c:3]": [(1, "a"), (1, "b"), (1, "a"), (7, "c")],
    "[on] a hill": [(10, "[on] a hill")],
    "[on[:] a hill": [(10, "[on[:] a hill")],
    "((a][:b:c [d:3]": [(3, "((a][:b:c "), (7, "((a][:b:c d")],
    r"[a\:b:c:3]": [(3, r"a\:b"), (7, "c")],
    r"\[a:b:3\]": [(10, r"\[a:b:3\]")],
    "cat | dog": [(10, "cat | dog")],
}


@pytest.mark.parametrize("prompt", EMPHASIS)
def test_emphasis_by_the_table(prompt: str) -> None:
    (variant,) = read_prompt(prompt, "a1111")
    found = [[(it.text, it.weight) for it in part] for part in variant.parts]
    expected = EMPHASIS[prompt]
    assert [[text for text, _ in part] for part in found] == [[text for text, _ in part] for part in expected]
    for part, wanted in zip(found, expected, strict=True):
        assert [weight for _, weight in part] == pytest.approx([weight for _, weight in wanted])


def said_in(prompt: str, steps: int) -> list[str]:
    """What a prompt says in each step; exactly one thing."""
    said = []
    for step in range(steps):
        (text,) = [text for span, text in read_schedule(prompt) if span.holds(step, steps)]
        said.append(text)
    return said


@pytest.mark.parametrize("prompt", SCHEDULES)
def test_schedules_by_the_table(prompt: str) -> None:
    expected = [text for count, text in SCHEDULES[prompt] for _ in range(count)]
    assert said_in(prompt, 10) == expected


def test_the_example_of_the_wiki() -> None:
    said = said_in(
        "fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas tree:0.75][ in foreground::0.6]"
        "[ in background:0.25] [shoddy:masterful:0.5]",
        100,
    )
    before = "fantasy landscape with a mountain and an oak in foreground shoddy"
    assert said[0] == said[24] == before
    assert said[25] == "fantasy landscape with a lake and an oak in foreground in background shoddy"
    assert said[50] == "fantasy landscape with a lake and an oak in foreground in background masterful"
    assert said[60] == "fantasy landscape with a lake and an oak in background masterful"
    assert (
        said[75] == said[99] == "fantasy landscape with a lake and a christmas tree in background masterful"
    )


def test_there_are_no_more_variants_than_things_to_say() -> None:
    prompt = "".join(f"[a{number}:b{number}:0.{number}]" for number in range(1, 10))
    assert len(read_prompt(prompt, "a1111")) == 10
    assert len(read_prompt("[a|b][c|d][e|f]", "a1111")) == 2
    assert len(read_prompt("[[a|b|c]:d:1]", "a1111")) == 2


def test_too_many_variants_are_refused_with_the_place() -> None:
    prompt = "[a|b] [a|b|c] [a|b|c|d|e] [a|b|c|d|e|f|g]"  # 2 · 3 · 5 · 7 = 210 different steps
    with pytest.raises(PromptError, match=f"more than {MOST_VARIANTS}") as caught:
        read_prompt(prompt, "a1111")
    assert caught.value.place == prompt.rindex("[")


def test_brackets_without_end_are_refused_and_not_a_crash() -> None:
    with pytest.raises(PromptError, match="a hundred brackets"):
        read_prompt("[" * 5000 + "x" + "]" * 5000, "a1111")
    assert read_prompt("(" * 5000, "a1111")[0].parts == ((),)


SIGNS = st.sampled_from(
    ["a", "b", "é", ",", " ", "(", ")", "[", "]", ":", "|", "\\", ".", "1", "5", "\n", " BREAK "]
)
SYNTAX = st.lists(SIGNS, max_size=40).map("".join)


@given(SYNTAX, st.sampled_from([1, 7, 10]))
def test_any_text_is_read_and_every_step_has_one_thing_to_say(prompt: str, steps: int) -> None:
    assert len(said_in(prompt, steps)) == steps
    with suppress(PromptError):  # of weights with many digits
        read_prompt(prompt, "a1111")


@given(SYNTAX)
def test_emphasis_loses_no_letter(prompt: str) -> None:
    said = "".join(fragment.text for part in read_emphasis(prompt) for fragment in part)
    assert re.sub(r"[^abé]", "", said) == re.sub(r"[^abé]", "", prompt)


@given(SYNTAX)
def test_without_numbers_and_bars_nothing_is_scheduled(prompt: str) -> None:
    unscheduled = re.sub(r"[15|]", "", prompt)
    assert read_schedule(unscheduled) == ((ALWAYS, unscheduled),)


@given(st.text(alphabet=st.characters(exclude_characters="()[]:|\\", exclude_categories=["Cs"])))
def test_text_without_signs_is_taken_as_it_is(prompt: str) -> None:
    (variant,) = read_prompt(prompt.replace("BREAK", ""), "a1111")
    assert variant.text == prompt.replace("BREAK", "")
    assert not variant.weighted
