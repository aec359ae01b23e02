"""Prompts for SDXL become the embeddings and the pooled text that diffusers' pipeline makes, bit for bit."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from sdflow.diffusion.text import TextEncoder, encode_prompts
from sdflow.problems import UserError
from sdflow.values import Conditioning
from tests.diffusion.conftest import XlModules

LONG = " ".join(["a photograph of a horse on the moon,"] * 20)


def encoders_of(modules: XlModules) -> list[TextEncoder]:
    pairs = [(modules.tokenizer, modules.text_encoder), (modules.tokenizer_2, modules.text_encoder_2)]
    return [TextEncoder(*pair) for pair in pairs if pair[1] is not None]


def encoded(
    modules: XlModules,
    prompts: Sequence[Sequence[str]],
    negatives: Sequence[Sequence[str]] | None,
    **options: Any,
) -> Conditioning:
    return encode_prompts(encoders_of(modules), prompts, negatives, reading="penultimate", **options)


def by_diffusers(modules: XlModules, prompt: Any, **fields: Any) -> tuple[torch.Tensor, ...]:
    settings = {"force_zeros_for_empty_prompt": fields.pop("zeros")} if "zeros" in fields else {}
    with torch.no_grad():
        made: tuple[torch.Tensor, ...] = modules.pipeline(**settings).encode_prompt(
            prompt, device="cpu", **fields
        )
    return made


def assert_equal(made: Conditioning, theirs: tuple[torch.Tensor, ...]) -> None:
    (positive,), (negative,) = made.positive, made.negative
    assert positive.pooled is not None
    assert negative.pooled is not None
    ours = (positive.embeddings, negative.embeddings, positive.pooled, negative.pooled)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("negative", ["", "blurry, ugly"])
def test_a_prompt_and_a_negative_prompt(xl: XlModules, negative: str) -> None:
    made = encoded(xl, [["a horse"]] * 2, [[negative]] * 2)
    assert made.positive[0].embeddings.shape == (1, 77, 32 + 48)
    assert_equal(made, by_diffusers(xl, "a horse", negative_prompt=negative))


def test_no_negative_prompt_is_zeros_and_an_empty_one_is_not(xl: XlModules) -> None:
    absent, empty = encoded(xl, [["a horse"]] * 2, None), encoded(xl, [["a horse"]] * 2, [[""]] * 2)
    assert_equal(absent, by_diffusers(xl, "a horse"))
    assert not absent.negative[0].embeddings.any()
    assert empty.negative[0].embeddings.any()


def test_where_zeros_are_not_wanted_no_negative_prompt_is_an_empty_one(xl: XlModules) -> None:
    made = encoded(xl, [["a horse"]] * 2, [[""]] * 2)
    assert_equal(made, by_diffusers(xl, "a horse", zeros=False))


def test_another_prompt_for_the_second_encoder(xl: XlModules) -> None:
    made = encoded(xl, [["a horse"], ["a boat"]], [["ugly"], ["blurry"]])
    fields = {"prompt_2": "a boat", "negative_prompt": "ugly", "negative_prompt_2": "blurry"}
    assert_equal(made, by_diffusers(xl, "a horse", **fields))
    same = encoded(xl, [["a horse"]] * 2, [["ugly"]] * 2)
    for one, other in ((made.positive[0], same.positive[0]), (made.negative[0], same.negative[0])):
        assert torch.equal(one.embeddings[..., :32], other.embeddings[..., :32])
        assert not torch.equal(one.embeddings[..., 32:], other.embeddings[..., 32:])
        assert one.pooled is not None
        assert other.pooled is not None
        assert not torch.equal(one.pooled, other.pooled)


def test_a_batch_of_prompts(xl: XlModules) -> None:
    prompts, negatives = ["a horse", "a cat on the moon"], ["", "ugly"]
    made = encoded(xl, [prompts] * 2, [negatives] * 2)
    assert_equal(made, by_diffusers(xl, prompts, negative_prompt=negatives))


@pytest.mark.parametrize("skipped", [0, 1, 2])
def test_clip_skip(xl: XlModules, skipped: int) -> None:
    made = encoded(xl, [["a horse"]] * 2, [["ugly"]] * 2, clip_skip=skipped)
    assert_equal(made, by_diffusers(xl, "a horse", negative_prompt="ugly", clip_skip=skipped))
    whole = encoded(xl, [["a horse"]] * 2, [["ugly"]] * 2)
    assert torch.equal(made.positive[0].embeddings, whole.positive[0].embeddings) == (skipped == 0)


def test_clip_skip_of_all_layers(xl: XlModules) -> None:
    """The first encoder has four, of which one is never read."""
    with pytest.raises(UserError, match="SDF411"):
        encoded(xl, [["a"]] * 2, None, clip_skip=3)


def test_the_refiner_has_the_second_encoder_alone(refiner: XlModules) -> None:
    made = encoded(refiner, [["a horse"]], [["ugly"]])
    assert made.positive[0].embeddings.shape == (1, 77, 48)
    assert_equal(made, by_diffusers(refiner, "a horse", negative_prompt="ugly"))


def test_too_long_is_refused_cut_or_encoded_in_pieces(xl: XlModules) -> None:
    with pytest.raises(UserError, match=r"SDF408 .*200 tokens.*75"):
        encoded(xl, [[LONG]] * 2, None)
    assert_equal(encoded(xl, [[LONG]] * 2, None, long="truncate"), by_diffusers(xl, LONG))
    made = encoded(xl, [[LONG], ["a cat"]], [["ugly"]] * 2, long="chunk")
    pieces = [encoded(xl, [["a horse"], [text]], None) for text in ("a cat", "", "")]
    for place, piece in enumerate(pieces):
        shown = made.positive[0].embeddings[:, 77 * place : 77 * (place + 1), 32:]
        assert torch.equal(shown, piece.positive[0].embeddings[..., 32:])
    assert made.positive[0].pooled is not None
    assert pieces[0].positive[0].pooled is not None
    assert torch.equal(made.positive[0].pooled, pieces[0].positive[0].pooled), "of the first piece"
    assert made.negative[0].embeddings.shape == made.positive[0].embeddings.shape
