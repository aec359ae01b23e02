"""The `parameters` text reads as AUTOMATIC1111's program writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.composition import Json
from sdflow.provenance.parameters import LABELS, parameters_text, parse_parameters

FACTS: dict[str, Json] = {
    "prompt": "a cat,\nsitting",
    "negative": "blurry,\nlow quality",
    "steps": 25,
    "sampler": "DPM++ 2M",
    "schedule": "Karras",
    "guidance": 7.5,
    "seed": 42,
    "size": "512x768",
    "model_hash": "6ce0161689",
    "model": "v1-5-pruned-emaonly",
    "strength": 0.75,
    "clip_skip": 2,
    "version": "sdflow 0.1.0",
}


def test_the_whole_text() -> None:
    assert parameters_text(FACTS) == (
        "a cat,\nsitting\n"
        "Negative prompt: blurry,\nlow quality\n"
        "Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 42, Size: 512x768, "
        "Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Denoising strength: 0.75, Clip skip: 2, "
        "Version: sdflow 0.1.0"
    )


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"prompt": "a", "steps": 5}, "a\nSteps: 5"),
        ({"prompt": "a", "negative": "", "steps": 5}, "a\nSteps: 5"),
        ({"prompt": "a", "steps": 5, "strength": None}, "a\nSteps: 5"),
        ({"prompt": "", "steps": 5}, "\nSteps: 5"),
        ({"prompt": "a", "guidance": 7.0}, "a\nCFG scale: 7"),
        ({"prompt": "a", "model": "x, y: z"}, 'a\nModel: "x, y: z"'),
        ({"prompt": "a", "model": 'say "hi"'}, 'a\nModel: "say \\"hi\\""'),
    ],
)
def test_parts(facts: dict[str, Json], text: str) -> None:
    assert parameters_text(facts) == text


def test_it_is_read_again() -> None:
    assert parse_parameters(parameters_text(FACTS)) == {key: str(value) for key, value in FACTS.items()}


def test_a_text_of_another_program() -> None:
    text = 'masterpiece <lora:x:0.8>\nSteps: 20, Sampler: Euler a, Seed: 1, Lora hashes: "x: 12ab, y: 34cd"'
    facts = parse_parameters(text)
    assert facts["prompt"] == "masterpiece <lora:x:0.8>"
    assert facts["sampler"] == "Euler a"
    assert facts["Lora hashes"] == "x: 12ab, y: 34cd"


def test_a_prompt_alone() -> None:
    assert parse_parameters("a cat: sitting, purring") == {"prompt": "a cat: sitting, purring"}


def test_a_megabyte_of_words_is_read_in_no_time() -> None:
    text = "word " * 200_000
    assert parse_parameters(text)["prompt"] == text


line = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20).map(str.strip)
prompts = st.lists(
    line.filter(lambda text: not text.startswith("Negative prompt:")), min_size=1, max_size=3
).map("\n".join)


@given(
    prompt=prompts.map(lambda text: text.strip("\n")),
    negative=prompts.map(str.strip),
    model=line.filter(bool),
    seed=st.integers(0),
)
def test_every_text_is_read_again(prompt: str, negative: str, model: str, seed: int) -> None:
    facts: dict[str, Json] = {
        "prompt": prompt,
        "negative": negative,
        "steps": 3,
        "seed": seed,
        "model": model,
    }
    found = parse_parameters(parameters_text(facts))
    expected = {key: str(value) for key, value in facts.items() if value != ""}
    assert {"prompt": "", **found} == {"prompt": "", **expected}


def test_labels_are_one_to_one() -> None:
    assert len(set(LABELS.values())) == len(LABELS)
