"""Weights of words: A1111's and ComfyUI's formulas by hand, compel called by hand, and what has no weights as ever."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import tokenization_utils_base

from sdflow.diffusion.text import TextEncoder, encode_prompts
from sdflow.diffusion.token_rows import vocabulary_of as at_run
from sdflow.diffusion.tokens import vocabulary_of as planned
from sdflow.problems import UserError
from sdflow.prompts import Weighting, read_prompt
from sdflow.prompts.chunks import lay_out
from sdflow.values import ALWAYS, Conditioning, Span
from tests.diffusion.conftest import Modules, XlModules

LONG = ", ".join(
    ["a photograph of a horse on the moon"] * 20
)  # 199 tokens: `photograph` is two for the tiny tokenizer


def encoded(
    modules: Modules, prompt: str | Sequence[str], weighting: Weighting, negative: str = "", **more: Any
) -> Conditioning:
    prompts = [prompt] if isinstance(prompt, str) else prompt
    encoder = TextEncoder(modules.tokenizer, modules.text_encoder)
    return encode_prompts([encoder], [prompts], [[negative]], weighting=weighting, **more)


def encoded_xl(modules: XlModules, prompt: str, weighting: Weighting, **more: Any) -> Conditioning:
    pairs = [(modules.tokenizer, modules.text_encoder), (modules.tokenizer_2, modules.text_encoder_2)]
    encoders = [TextEncoder(*pair) for pair in pairs]
    return encode_prompts(
        encoders, [[prompt]] * 2, [["ugly"]] * 2, weighting=weighting, reading="penultimate", **more
    )


def states(modules: Modules, *texts: str) -> torch.Tensor:
    """Hidden states of each text alone, one after the other."""
    with torch.no_grad():
        return torch.cat(
            [
                modules.text_encoder(
                    modules.tokenizer(
                        text, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
                    ).input_ids
                )[0]
                for text in texts
            ],
            dim=1,
        )


@pytest.mark.parametrize("weighting", ["a1111", "comfy", "compel"])
@pytest.mark.parametrize("prompt", ["", "a red horse, on the moon", "a photo of a cat and a dog"])
def test_without_weights_every_language_is_diffusers(
    tiny: Modules, tiny_v: Modules, weighting: Weighting, prompt: str
) -> None:
    for modules in (tiny, tiny_v):
        made = encoded(modules, prompt, weighting)
        with torch.no_grad():
            theirs, unwanted = modules.pipeline().encode_prompt(prompt, "cpu", 1, True, "")
        assert torch.equal(made.positive[0].embeddings, theirs)
        assert torch.equal(made.negative[0].embeddings, unwanted)


def test_a1111_scales_tokens_and_restores_the_mean(tiny: Modules) -> None:
    """`a (red:1.5) [horse]`: five rows of 77, the second, third and fourth of which are the words."""
    made = encoded(tiny, "a (red:1.5) [horse]", "a1111").positive[0].embeddings
    plain = states(tiny, "a red horse")
    scaled = plain.clone()
    scaled[0, 2] *= 1.5
    scaled[0, 3] /= 1.1
    expected = scaled * (plain.mean() / scaled.mean())
    assert torch.allclose(made, expected, rtol=1e-5, atol=1e-6)
    assert made.mean().item() == pytest.approx(plain.mean().item(), rel=1e-5)
    assert not torch.allclose(made, plain, atol=1e-3)


def test_comfy_moves_tokens_away_from_the_empty_prompt(tiny: Modules) -> None:
    made = encoded(tiny, "a (red:1.5) (horse:0.5)", "comfy").positive[0].embeddings
    plain, empty = states(tiny, "a red horse"), states(tiny, "")
    expected = plain.clone()
    expected[0, 2] = empty[0, 2] + 1.5 * (plain[0, 2] - empty[0, 2])
    expected[0, 3] = empty[0, 3] + 0.5 * (plain[0, 3] - empty[0, 3])
    assert torch.allclose(made, expected, rtol=1e-5, atol=1e-6)
    untouched = [place for place in range(77) if place not in (2, 3)]
    assert torch.equal(made[0, untouched], plain[0, untouched])


@pytest.mark.parametrize("weighting", ["a1111", "comfy"])
def test_an_item_of_a_batch_has_the_weights_that_it_has_alone(tiny: Modules, weighting: Weighting) -> None:
    prompts = ["a (red:1.5) horse", "a blue (boat:0.3)", "a tree"]
    together = encoded(tiny, prompts, weighting).positive[0].embeddings
    for item, prompt in enumerate(prompts):
        alone = encoded(tiny, prompt, weighting).positive[0].embeddings
        assert torch.allclose(together[item], alone[0], atol=1e-5)


def test_each_chunk_is_weighted_for_itself(tiny: Modules) -> None:
    made = (
        encoded(tiny, "a (red:1.5) horse BREAK a (blue:0.5) boat BREAK sky", "a1111").positive[0].embeddings
    )
    alone = [
        encoded(tiny, text, "a1111").positive[0].embeddings
        for text in ("a (red:1.5) horse", "a (blue:0.5) boat", "sky")
    ]
    assert torch.equal(made, torch.cat(alone, dim=1))


def test_break_asks_for_chunks_and_is_never_too_long(tiny: Modules) -> None:
    made = encoded(tiny, "a horse BREAK a boat", "a1111", "ugly", long="refuse")
    assert torch.equal(made.positive[0].embeddings, states(tiny, "a horse", "a boat"))
    assert torch.equal(made.negative[0].embeddings, states(tiny, "ugly", ""))


def test_comfy_adds_no_empty_chunks_to_the_shorter_side(tiny: Modules) -> None:
    made = encoded(tiny, LONG, "comfy", "ugly", long="chunk")
    assert made.positive[0].embeddings.shape == (1, 77 * 3, 32)
    assert torch.equal(made.negative[0].embeddings, states(tiny, "ugly"))
    padded = encoded(tiny, LONG, "a1111", "ugly", long="chunk")
    assert torch.equal(padded.negative[0].embeddings, states(tiny, "ugly", "", ""))
    batch = encoded(tiny, [LONG, "a cat"], "comfy", "ugly", long="chunk").positive[0].embeddings
    assert torch.allclose(batch[1:], states(tiny, "a cat", "", ""), atol=1e-5), "items of a batch are as long"


@pytest.mark.parametrize("weighting", ["plain", "a1111", "comfy", "compel"])
def test_a_long_prompt_is_no_alarm(
    tiny: Modules, weighting: Weighting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers warns once for each tokenizer that a text is longer than the encoder; ours are divided."""
    fresh = copy.deepcopy(tiny.tokenizer)
    fresh.deprecation_warnings = {}
    said: list[str] = []
    monkeypatch.setattr(tokenization_utils_base.logger, "warning", said.append)
    encode_prompts(
        [TextEncoder(fresh, tiny.text_encoder)], [[LONG]], [[""]], weighting=weighting, long="chunk"
    )
    assert said == []
    fresh(LONG)
    assert "longer than" in said[0], "it does warn where it is called as usual"


@pytest.mark.parametrize("weighting", ["plain", "a1111", "comfy", "compel"])
def test_a_prompt_of_two_hundred_tokens_counts_to_the_last(tiny: Modules, weighting: Weighting) -> None:
    made, other = (
        encoded(tiny, f"{LONG}, {last}", weighting, long="chunk").positive[0].embeddings
        for last in ("cat", "dog")
    )
    assert made.shape == (1, 77 * 3, 32)
    assert torch.equal(made[:, : 77 * 2], other[:, : 77 * 2])
    assert not torch.equal(made[:, 77 * 2 :], other[:, 77 * 2 :])
    with pytest.raises(UserError, match=r"SDF408 .* 202 tokens.*75"):
        encoded(tiny, f"{LONG}, cat", weighting)
    cut = encoded(tiny, f"{LONG}, cat", weighting, long="truncate").positive[0].embeddings
    assert torch.equal(cut, states(tiny, f"{LONG}, cat"))


def test_a1111_ends_chunks_at_commas(tiny: Modules) -> None:
    """Ten tokens for each phrase with its comma: seven phrases are 70, and five tokens more would fit."""
    made = encoded(tiny, LONG, "a1111", long="chunk").positive[0].embeddings
    phrases = [f"{phrase}," for phrase in LONG.split(", ")]
    phrases[-1] = phrases[-1][:-1]
    chunks = [" ".join(phrases[start : start + 7]) for start in (0, 7, 14)]
    assert torch.equal(made, states(tiny, *chunks))


@pytest.mark.parametrize("skipped", [1, 2])
def test_clip_skip_is_for_negative_prompts_too_where_it_is_there(tiny: Modules, skipped: int) -> None:
    for weighting in ("plain", "compel", "a1111", "comfy"):
        made = encoded(tiny, "a horse", weighting, "a horse", clip_skip=skipped)
        same = torch.equal(made.positive[0].embeddings, made.negative[0].embeddings)
        assert same == (weighting in {"a1111", "comfy"})


def test_a_schedule_is_an_entry_for_each_thing_that_it_says(tiny: Modules) -> None:
    made = encoded(tiny, "a [red:blue:3] [cat|dog]", "a1111", "[ugly::0.5]")
    said = {
        Span(until_step=3, turns=((0, 2),)): "a red cat",
        Span(until_step=3, turns=((1, 2),)): "a red dog",
        Span(from_step=3, turns=((0, 2),)): "a blue cat",
        Span(from_step=3, turns=((1, 2),)): "a blue dog",
    }
    assert {entry.span for entry in made.positive} == set(said)
    for entry in made.positive:
        assert torch.equal(entry.embeddings, states(tiny, said[entry.span]))
    assert [(entry.span.until, entry.span.from_) for entry in made.negative] == [(0.5, 0.0), (1.0, 0.5)]


def test_prompts_of_a_batch_with_schedules_of_their_own_share_the_steps_out(tiny: Modules) -> None:
    made = encoded(tiny, ["[red:blue:3]", "[cat:dog:5]", "boat"], "a1111")
    assert [entry.span for entry in made.positive] == [
        Span(until_step=3),
        Span(from_step=3, until_step=5),
        Span(from_step=5),
    ]
    middle = made.positive[1].embeddings
    assert torch.allclose(middle, torch.cat([states(tiny, it) for it in ("blue", "cat", "boat")]), atol=1e-5)


COMPEL = [
    "a (red)1.5 horse",
    "a horse-- on the moon++",
    'a horse+, ("a boat", "a tree").blend(0.3, 0.7)',
    '("a horse++", "a boat").blend(0.3, 0.7)',
    '("a horse", "a red boat").and()',
    f"{LONG}. a (boat)1.3",
]


@pytest.mark.parametrize("prompt", COMPEL)
def test_compel_is_compel_called_by_hand(tiny: Modules, prompt: str) -> None:
    from compel import CompelForSD

    made = encoded(tiny, prompt, "compel", "an (ugly)1.2 tree", long="chunk")
    theirs = CompelForSD(tiny.pipeline())(prompt, negative_prompt="an (ugly)1.2 tree")
    assert torch.equal(made.positive[0].embeddings, theirs.embeds)
    assert torch.equal(made.negative[0].embeddings, theirs.negative_embeds)
    assert made.positive[0].span == ALWAYS


@pytest.mark.parametrize("prompt", COMPEL)
def test_compel_for_sdxl_is_compel_called_by_hand(xl: XlModules, prompt: str) -> None:
    from compel import CompelForSDXL

    made = encoded_xl(xl, prompt, "compel", long="chunk")
    theirs = CompelForSDXL(xl.pipeline())(prompt, negative_prompt="ugly")
    for entry, embeds, pooled in (
        (made.positive[0], theirs.embeds, theirs.pooled_embeds),
        (made.negative[0], theirs.negative_embeds, theirs.negative_pooled_embeds),
    ):
        assert torch.equal(entry.embeddings, embeds)
        assert entry.pooled is not None
        assert torch.equal(entry.pooled, pooled)


@pytest.mark.parametrize(
    ("weighting", "weighted"), [("a1111", "a (red:1.5) horse"), ("comfy", "a (red:1.5) horse")]
)
def test_both_encoders_of_sdxl_are_weighted_and_the_pooled_text_is_not(
    xl: XlModules, weighting: Weighting, weighted: str
) -> None:
    made, plain = (
        encoded_xl(xl, weighted, weighting).positive[0],
        encoded_xl(xl, "a red horse", weighting).positive[0],
    )
    assert made.pooled is not None
    assert plain.pooled is not None
    assert torch.equal(made.pooled, plain.pooled)
    for features in (slice(0, 32), slice(32, None)):
        assert not torch.allclose(
            made.embeddings[0, 2, features], plain.embeddings[0, 2, features], atol=1e-4
        )


def test_pooled_text_is_that_of_the_first_chunk(xl: XlModules) -> None:
    made, first = encoded_xl(xl, "a horse BREAK a boat", "a1111"), encoded_xl(xl, "a horse", "a1111")
    assert made.positive[0].pooled is not None
    assert first.positive[0].pooled is not None
    assert torch.equal(made.positive[0].pooled, first.positive[0].pooled)


WRITTEN = st.lists(
    st.sampled_from(
        ["a horse", ", ", " ", "(", ")", "[", "]", ":1.2)", "|", ":3]", "BREAK", "é", "moon,", "x" * 9]
    ),
    max_size=60,
).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompt=WRITTEN)
def test_what_the_plan_says_of_chunks_is_what_is_encoded(tiny: Modules, prompt: str) -> None:
    weightings: tuple[Weighting, ...] = ("plain", "a1111")
    for weighting in weightings:
        for variant in read_prompt(prompt, weighting):
            theirs = lay_out(variant, weighting, at_run(tiny.tokenizer, (), weighting), "chunk")
            ours = lay_out(variant, weighting, planned(tiny.folder / "tokenizer"), "chunk")
            assert (ours.chunks, ours.count) == (theirs.chunks, theirs.count)
