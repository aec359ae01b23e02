"""Prompts become the embeddings that diffusers' pipeline makes, and their length is known before."""

import copy
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sdflow.models
from sdflow.diffusion.text import TextEncoder, encode_prompts
from sdflow.diffusion.tokens import vocabulary_of
from sdflow.problems import UserError
from sdflow.values import Conditioning
from tests.diffusion.conftest import Modules

LONG = " ".join(["a photograph of a horse on the moon,"] * 20)
TEXTS = [
    "",
    " ",
    "a photograph of an astronaut riding a horse",
    "A Photograph   of\tan\nAstronaut",
    "it's 2024, we'll see: 12345!!!",
    "ünïcödé naïve ﬁ ½ É é",
    "猫 と 犬 🐱‍👤 ☃️",
    "wow! what?! !!a!!b !",
    "((masterpiece)), [blurry:1.2] <lora:x:0.5>",
    "<|startoftext|> a cat <|endoftext|> dog",
    "don't 'S 's 'Re 're",
    "a_b-c/d\\e.f",
    LONG,
    "🙂" * 50,
]


def encoded(
    modules: Modules, prompts: Sequence[str], negatives: Sequence[str], **options: Any
) -> Conditioning:
    encoder = TextEncoder(modules.tokenizer, modules.text_encoder)
    return encode_prompts([encoder], [prompts], [negatives], **options)


def encoded_by_diffusers(modules: Modules, prompt: Any, negative: Any) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        found: tuple[torch.Tensor, torch.Tensor] = modules.pipeline().encode_prompt(
            prompt, "cpu", 1, True, negative
        )
    return found


@pytest.mark.parametrize("fixture", ["tiny", "tiny_v", "trained"])
def test_equal_to_the_pipeline(fixture: str, request: pytest.FixtureRequest) -> None:
    modules: Modules = request.getfixturevalue(fixture)
    for prompt, negative in (("a horse", ""), ("", "blurry, ugly"), (TEXTS[4], TEXTS[6])):
        made = encoded(modules, (prompt,), (negative,), clip_skip=0)
        positive, unwanted = encoded_by_diffusers(modules, prompt, negative)
        assert torch.equal(made.positive[0].embeddings, positive)
        assert torch.equal(made.negative[0].embeddings, unwanted)


def test_a_batch_of_prompts(tiny: Modules) -> None:
    prompts, negatives = ["a horse", "a cat on the moon"], ["", "ugly"]
    made = encoded(tiny, prompts, negatives)
    positive, unwanted = encoded_by_diffusers(tiny, prompts, negatives)
    assert torch.equal(made.positive[0].embeddings, positive)
    assert torch.equal(made.negative[0].embeddings, unwanted)


def test_the_attention_mask_is_used_where_the_configuration_says_so(tiny: Modules) -> None:
    plain = encoded(tiny, ("a horse",), ("",))
    tiny.text_encoder.config.use_attention_mask = True
    try:
        made = encoded(tiny, ("a horse",), ("",))
        positive, unwanted = encoded_by_diffusers(tiny, "a horse", "")
    finally:
        del tiny.text_encoder.config.use_attention_mask
    assert torch.equal(made.positive[0].embeddings, positive)
    assert torch.equal(made.negative[0].embeddings, unwanted)
    assert not torch.equal(made.positive[0].embeddings, plain.positive[0].embeddings)


@pytest.mark.parametrize("skipped", [0, 1, 2, 3])
def test_clip_skip_is_the_state_before_the_skipped_layers_and_the_final_norm(
    tiny: Modules, skipped: int
) -> None:
    made = encoded(tiny, ("a horse",), ("ugly",), clip_skip=skipped)
    seen: list[torch.Tensor] = []
    encoder = getattr(tiny.text_encoder, "text_model", tiny.text_encoder)
    layer = encoder.encoder.layers[len(encoder.encoder.layers) - 1 - skipped]
    hook = layer.register_forward_hook(
        lambda _module, _given, out: seen.append(out[0] if isinstance(out, tuple) else out)
    )
    ids = tiny.tokenizer("a horse", padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        tiny.text_encoder(ids)
        expected = encoder.final_layer_norm(seen[0])
    hook.remove()
    assert torch.equal(made.positive[0].embeddings, expected)
    whole = encoded(tiny, ("a horse",), ("ugly",))
    assert torch.equal(made.negative[0].embeddings, whole.negative[0].embeddings)
    assert torch.equal(made.positive[0].embeddings, whole.positive[0].embeddings) == (skipped == 0)


def test_clip_skip_of_all_layers(tiny: Modules) -> None:
    with pytest.raises(UserError, match="SDF411"):
        encoded(tiny, ("a",), ("",), clip_skip=4)


def test_too_long_is_refused_by_default_with_the_count(tiny: Modules) -> None:
    with pytest.raises(UserError, match=r"SDF408 .*200 tokens.*75") as caught:
        encoded(tiny, (LONG,), (LONG + " and more",))
    assert len(caught.value.problems) == 2


def test_truncated_is_what_the_pipeline_does(tiny: Modules) -> None:
    made = encoded(tiny, (LONG,), ("",), long="truncate")
    assert torch.equal(made.positive[0].embeddings, encoded_by_diffusers(tiny, LONG, "")[0])


def test_chunks_are_pieces_of_75_each_encoded_alone(tiny: Modules) -> None:
    made = encoded(tiny, (LONG,), ("ugly",), long="chunk")
    ids = tiny.tokenizer(LONG, add_special_tokens=False).input_ids
    start, end = tiny.tokenizer.bos_token_id, tiny.tokenizer.eos_token_id
    pieces = [ids[:75], ids[75:150], ids[150:]]
    with torch.no_grad():
        expected = []
        for piece in pieces:
            row = [start, *piece, end]
            row += [tiny.tokenizer.pad_token_id] * (77 - len(row))
            expected.append(tiny.text_encoder(torch.tensor([row]))[0])
    assert torch.equal(made.positive[0].embeddings, torch.cat(expected, dim=1))
    negative = made.negative[0].embeddings
    assert negative.shape == made.positive[0].embeddings.shape
    empty = encoded(tiny, ("ugly",), ("",))
    assert torch.equal(negative[:, :77], empty.positive[0].embeddings)
    assert torch.equal(negative[:, 77:154], empty.negative[0].embeddings)


def test_what_fits_is_the_same_however_long_prompts_are_treated(tiny: Modules, tiny_v: Modules) -> None:
    for modules in (tiny, tiny_v):
        ways = [encoded(modules, ("a horse",), ("",), long=way) for way in ("refuse", "truncate", "chunk")]
        assert all(torch.equal(it.positive[0].embeddings, ways[0].positive[0].embeddings) for it in ways)


@pytest.mark.parametrize("fixture", ["tiny", "tiny_v", "trained"])
def test_tokens_are_those_of_transformers(fixture: str, request: pytest.FixtureRequest) -> None:
    modules: Modules = request.getfixturevalue(fixture)
    for text in TEXTS:
        vocabulary = vocabulary_of(modules.folder / "tokenizer")
        expected = modules.tokenizer(text, add_special_tokens=False).input_ids
        assert list(vocabulary.tokenize(text).ids) == expected, text
        assert vocabulary.room == 75


@pytest.mark.parametrize("pad", ["<|endoftext|>", "!"])
def test_tokens_of_clips_own_vocabulary_are_those_of_transformers(pad: str, tmp_path: Path) -> None:
    """With the two ways in which models fill up rows: Stable Diffusion 1, and 2 and SDXL."""
    from transformers import CLIPTokenizer

    folder = tmp_path / "tokenizer"
    shutil.copytree(Path(sdflow.models.__file__).parent / "shipped" / "clip-tokenizer", folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "pad_token": pad}))
    theirs, ours = CLIPTokenizer.from_pretrained(folder), vocabulary_of(folder)
    for text in TEXTS:
        assert list(ours.tokenize(text).ids) == theirs(text, add_special_tokens=False).input_ids, text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=120))
def test_any_text_has_the_tokens_of_transformers(tiny: Modules, text: str) -> None:
    found = vocabulary_of(tiny.folder / "tokenizer").tokenize(text)
    assert list(found.ids) == tiny.tokenizer(text, add_special_tokens=False).input_ids


WORDS = ("EasyNegative", "<cat-toy>", "bad-hands-5", "Überstil", "Usada Pekora")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(
        st.sampled_from([*WORDS, "easynegative", "<CAT-TOY>", "x", " ", ",", "É", "u\u0308berstil"])
    )
)
def test_words_of_textual_inversions_are_found_as_transformers_does(tiny: Modules, pieces: list[str]) -> None:
    text = "".join(pieces)
    tokenizer = copy.deepcopy(tiny.tokenizer)
    tokenizer.add_tokens(list(WORDS))
    found = vocabulary_of(tiny.folder / "tokenizer", WORDS).tokenize(text)
    expected = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert list(found.ids) == expected.input_ids
    assert list(found.starts) == [start for start, _ in expected.offset_mapping]


def test_the_place_of_each_token(tiny: Modules) -> None:
    vocabulary = vocabulary_of(tiny.folder / "tokenizer")
    assert len(vocabulary.tokenize(LONG).ids) == 200
    for text in (LONG, "É" * 10 + " 猫" * 40):
        place = vocabulary.tokenize(text).starts[75]
        before, through = (len(vocabulary.tokenize(text[:end]).ids) for end in (place, place + 1))
        assert before <= 75 < through


def test_both_forms_of_a_tokenizers_files_count_alike(tiny: Modules, tmp_path: Path) -> None:
    tiny.tokenizer.save_pretrained(tmp_path)
    assert (tmp_path / "tokenizer.json").is_file()
    assert not (tmp_path / "merges.txt").exists()
    for text in TEXTS:
        here, there = vocabulary_of(tmp_path), vocabulary_of(tiny.folder / "tokenizer")
        assert here.tokenize(text) == there.tokenize(text), text


@pytest.mark.parametrize("content", [None, "{", "[]", '{"model": {}}'])
def test_an_unreadable_tokenizer(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match="SDF412"):
        vocabulary_of(tmp_path)
