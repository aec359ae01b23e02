"""ComfyUI's prompts, worked out by hand from its documented rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.prompts import PromptError, read_prompt

# A prompt → (text, weight).
WEIGHTS: dict[str, list[tuple[str, float]]] = {
    "": [],
    "a red fox": [("a red fox", 1)],
    "a (red) fox": [("a ", 1), ("red", 1.1), (" fox", 1)],
    "a ((red)) fox": [("a ", 1), ("red", 1.21), (" fox", 1)],
    "a (red:1.2) fox": [("a ", 1), ("red", 1.2), (" fox", 1)],
    "(good code: 0.8 )": [("good code", 0.8)],
    "(a (red) fox:1.5)": [("a ", 1.5), ("red", 1.65), (" fox", 1.5)],
    "(a (red:1.2) fox:1.5)": [("a ", 1.5), ("red", 1.2), (" fox", 1.5)],
    "((red:1.2))": [("red", 1.2)],
    "(12:30:1.2)": [("12:30", 1.2)],
    "(red:much)": [("red:much", 1.1)],
    "(:1.2)": [(":1.2", 1.1)],
    "(x:1.2 y)": [("x:1.2 y", 1.1)],
    r"a \(red\) fox": [("a (red) fox", 1)],
    r"(a \(red\):1.3)": [("a (red)", 1.3)],
    r"a \ fox": [(r"a \ fox", 1)],
    "[red] BREAK [a:b:3]": [("[red] BREAK [a:b:3]", 1)],
    "a (red fox": [("a (red fox", 1)],
    "a red) fox": [("a red) fox", 1)],
    ":)": [(":)", 1)],
    "(": [("(", 1)],
    "(a) ((b)": [("a", 1.1), (" ", 1), ("(b", 1.1)],  # the last one is paired with the first
    "(a (b:1.3) c": [("(a (b:1.3) c", 1)],
    "a) (b:1.3) c": [("a) (b:1.3) c", 1)],  # the second bracket only makes up for the first
    "a) ((b:1.3) c": [("a) (", 1), ("b", 1.3), (" c", 1)],
    r"\((a\)": [("((a)", 1)],
    "(embedding:EasyNegative:1.2), x": [("embedding:EasyNegative", 1.2), (", x", 1)],
}


@pytest.mark.parametrize("prompt", WEIGHTS)
def test_weights_by_the_table(prompt: str) -> None:
    (variant,) = read_prompt(prompt, "comfy")
    (part,) = variant.parts
    assert [it.text for it in part] == [text for text, _ in WEIGHTS[prompt]]
    assert [it.weight for it in part] == pytest.approx([weight for _, weight in WEIGHTS[prompt]])


def test_brackets_without_end_are_refused_and_not_a_crash() -> None:
    with pytest.raises(PromptError, match="a hundred brackets"):
        read_prompt("(" * 5000 + ")" * 5000, "comfy")
    (variant,) = read_prompt("(" * 5000, "comfy")
    assert variant.text == "(" * 5000


@given(st.text(alphabet=st.sampled_from(list("ab ,()\\:1.2[]\n")), max_size=40))
def test_no_letter_is_lost(prompt: str) -> None:
    (variant,) = read_prompt(prompt, "comfy")
    assert [letter for letter in variant.text if letter in "ab"] == [it for it in prompt if it in "ab"]


@given(st.text())
def test_plain_is_the_text_as_it_is(prompt: str) -> None:
    (variant,) = read_prompt(prompt, "plain")
    assert (variant.text, variant.weighted) == (prompt, False)
