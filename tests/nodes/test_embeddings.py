"""Textual inversions in recipes equal diffusers' `load_textual_inversion`, and touch nothing that does not use them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdflow.engine.events import ModelMoved
from sdflow.problems import UserError
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

torch = pytest.importorskip("torch")

from tests.nodes import embeddings as files  # noqa: E402  # needs torch

WORD = "<cat-toy>"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def taught(model: Path, prompt: str, source: str = "learned.bin", **fields: Any) -> Nodes:
    """A prompt read with a model that has learnt a word."""
    embedding = {"type": "load-embedding", "model": "$model", "source": source, **fields}
    nodes = text_to_image(model)
    nodes = {"model": nodes.pop("model"), "taught": embedding, **nodes}
    return edited(nodes, {"text": {"model": "$taught", "prompt": prompt, "negative": f"fog, {WORD}"}})


def conditioning(bench: Workbench, nodes: Nodes) -> Any:
    result = bench.run(nodes, {"c.safetensors": "$text"})
    plan = result.prepared.plan
    return bench.session.results.value(plan.keys[plan.graph.names["", "text"]].key, "conditioning")


def key_of(bench: Workbench, nodes: Nodes, node: str = "text") -> str:
    output = {"c.png" if node == "image" else "c.safetensors": f"${node}"}
    plan = bench.session.prepare(bench.compose(bench.write(nodes, output))).plan
    return plan.keys[plan.graph.names["", node]].key


def refused(bench: Workbench, nodes: Nodes) -> Any:
    with pytest.raises(UserError) as caught:
        key_of(bench, nodes)
    (problem,) = caught.value.problems
    return problem


def pipeline(folder: Path) -> Any:
    """diffusers' pipeline around the text encoders that sdflow loads; nothing else of it is asked for."""
    import diffusers

    from sdflow.models.load import load_component
    from sdflow.models.request import ModelRequest
    from sdflow.models.resolve import resolve_model
    from sdflow.resolve.device import find_device

    model = resolve_model(
        ModelRequest(str(folder)),
        base=folder,
        device=find_device("cpu"),
        memo=lambda path: f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
        cache_root=folder.parent,
        offline=True,
    )
    roles = [role for role in model.components if role.startswith(("tokenizer", "text_encoder"))]
    modules = {role: load_component(model.components[role], "cpu")[0] for role in roles}
    others = {"unet": None, "vae": None, "scheduler": None}
    if "text_encoder_2" in modules:
        return diffusers.StableDiffusionXLPipeline(**modules, **others, add_watermarker=False)
    return diffusers.StableDiffusionPipeline(
        **modules, **others, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )


FORMATS: dict[str, Callable[[Any], Any]] = {
    "learned_embeds.bin": lambda learned: files.of_diffusers(WORD, learned),
    "learned_embeds.safetensors": lambda learned: files.of_diffusers(WORD, learned),
    "toy.pt": files.of_a1111,
    "toy.safetensors": lambda learned: {"emb_params": learned},
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("count", [1, 3])
def test_equal_to_the_pipeline_to_the_bit(bench: Workbench, tiny: Path, name: str, count: int) -> None:
    file = files.write(bench.folder / name, FORMATS[name](files.vectors(count, 32)))
    prompt = f"a photo of {WORD} and {WORD}, on the moon"
    made = conditioning(bench, taught(tiny, prompt, name, token=WORD))
    pipe = pipeline(tiny)
    pipe.load_textual_inversion(str(bench.folder), weight_name=file.name, token=WORD)
    with torch.no_grad():
        positive, negative = pipe.encode_prompt(prompt, "cpu", 1, True, f"fog, {WORD}")
    assert torch.equal(made.positive[0].embeddings, positive)
    assert torch.equal(made.negative[0].embeddings, negative)
    without = conditioning(bench, edited(taught(tiny, prompt, name), {"text": {"model": "$model"}}))
    assert not torch.allclose(without.positive[0].embeddings, positive, atol=1e-2)


@pytest.mark.parametrize("count", [1, 4])
def test_sdxl_equal_to_the_pipeline_to_the_bit(bench: Workbench, tiny_xl: Path, count: int) -> None:
    first, second = files.vectors(count, 32), files.vectors(count, 48, seed=1)
    files.write(bench.folder / "toy.safetensors", files.of_sdxl(first, second))
    prompt = f"a photo of {WORD}, on the moon"
    made = conditioning(bench, taught(tiny_xl, prompt, "toy.safetensors", token=WORD))
    pipe = pipeline(tiny_xl)
    pipe.load_textual_inversion(first, token=WORD, text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer)
    pipe.load_textual_inversion(
        second, token=WORD, text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2
    )
    with torch.no_grad():
        theirs = pipe.encode_prompt(prompt, device="cpu", negative_prompt=f"fog, {WORD}")
    (positive,), (negative,) = made.positive, made.negative
    ours = (positive.embeddings, negative.embeddings, positive.pooled, negative.pooled)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


def test_several_on_one_model_equal_the_pipeline(bench: Workbench, tiny: Path) -> None:
    for name, count in (("one", 2), ("two", 3)):
        files.write(
            bench.folder / f"{name}.bin",
            files.of_diffusers(f"<{name}>", files.vectors(count, 32, seed=count)),
        )
    nodes = taught(tiny, "a <two>, a <one> on the moon", "one.bin")
    nodes["more"] = {"type": "load-embedding", "model": "$taught", "source": "two.bin"}
    nodes = edited(nodes, {"text": {"model": "$more", "negative": ""}})
    made = conditioning(bench, nodes)
    pipe = pipeline(tiny)
    for name in ("one", "two"):
        pipe.load_textual_inversion(str(bench.folder), weight_name=f"{name}.bin")
    with torch.no_grad():
        positive, _ = pipe.encode_prompt("a <two>, a <one> on the moon", "cpu", 1, True, "")
    assert torch.equal(made.positive[0].embeddings, positive)


def test_the_papers_own_files_are_read_without_running_them(bench: Workbench, tiny: Path) -> None:
    learned = files.vectors(2, 32)
    files.write(bench.folder / "compvis.pt", files.of_compvis(learned.clone()))
    files.write(bench.folder / "a1111.pt", files.of_a1111(learned))
    made, same = (
        conditioning(bench, taught(tiny, f"a {WORD}", name, token=WORD))
        for name in ("compvis.pt", "a1111.pt")
    )
    assert torch.equal(made.positive[0].embeddings, same.positive[0].embeddings)


def test_the_word_is_the_files_own_else_its_name_whatever_the_case(bench: Workbench, tiny: Path) -> None:
    """diffusers' file says its word; A1111's is called by the name of the file. Tokenizers know no case."""
    learned = files.vectors(2, 32)
    files.write(bench.folder / "learned.bin", files.of_diffusers(WORD, learned))
    files.write(bench.folder / "EasyNegative.pt", files.of_a1111(learned))
    expected = conditioning(bench, taught(tiny, f"a {WORD}")).positive[0].embeddings
    for prompt in ("a EasyNegative", "a easynegative", "a EASYNEGATIVE"):
        made = conditioning(bench, taught(tiny, prompt, "EasyNegative.pt"))
        assert torch.equal(made.positive[0].embeddings, expected)


@pytest.mark.parametrize(
    ("weighting", "prompt"),
    [
        ("plain", "a EasyNegative, on the moon"),
        ("a1111", "a easynegative, on the moon"),
        ("comfy", "a embedding:EasyNegative, on the moon"),
        ("compel", "a EasyNegative, on the moon"),
    ],
)
def test_every_language_reads_all_vectors(bench: Workbench, tiny: Path, weighting: str, prompt: str) -> None:
    """Against the text encoder with a longer table, looked up by hand."""
    from transformers import CLIPTextModel, CLIPTokenizer

    learned = files.vectors(3, 32)
    files.write(bench.folder / "EasyNegative.pt", files.of_a1111(learned))
    nodes = edited(
        taught(tiny, prompt, "EasyNegative.pt"), {"text": {"weighting": weighting, "negative": ""}}
    )
    made = conditioning(bench, nodes).positive[0].embeddings
    tokenizer = CLIPTokenizer.from_pretrained(tiny / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(tiny / "text_encoder").eval()
    own = encoder.get_input_embeddings().num_embeddings
    encoder.resize_token_embeddings(own + 3, mean_resizing=False)
    encoder.get_input_embeddings().weight.data[own:] = learned
    ids = [*tokenizer("a", add_special_tokens=False).input_ids, own, own + 1, own + 2]
    ids += tokenizer(", on the moon", add_special_tokens=False).input_ids
    row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    row += [tokenizer.pad_token_id] * (77 - len(row))
    with torch.no_grad():
        expected = encoder(torch.tensor([row]))[0]
    assert torch.allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("weighting", "written"), [("a1111", "(EasyNegative:1.5)"), ("comfy", "(embedding:EasyNegative:1.5)")]
)
def test_a_learnt_word_is_weighted_like_any_other(
    bench: Workbench, tiny: Path, weighting: str, written: str
) -> None:
    files.write(bench.folder / "EasyNegative.pt", files.of_a1111(files.vectors(2, 32)))
    plain = written[1:].rpartition(":")[0]
    made, same = (
        conditioning(
            bench,
            edited(
                taught(tiny, f"a {it} moon", "EasyNegative.pt"),
                {"text": {"weighting": weighting, "negative": ""}},
            ),
        )
        .positive[0]
        .embeddings
        for it in (written, plain)
    )
    changed = ~torch.isclose(made, same, atol=1e-4).all(dim=-1)[0]
    places = changed.nonzero().flatten().tolist()
    assert places == [2, 3] if weighting == "comfy" else {2, 3} <= set(places)


def test_what_does_not_use_the_word_has_the_same_key(bench: Workbench, tiny: Path) -> None:
    files.write(bench.folder / "learned.bin", files.of_diffusers(WORD, files.vectors(2, 32)))
    without = edited(text_to_image(tiny), {"text": {"prompt": "a fox", "negative": "fog"}})
    unused = edited(taught(tiny, "a fox"), {"text": {"negative": "fog"}})
    used = edited(taught(tiny, f"a fox, {WORD}"), {"text": {"negative": "fog"}})
    assert key_of(bench, without) == key_of(bench, unused)
    assert key_of(bench, used) != key_of(bench, edited(used, {"text": {"model": "$model"}}))
    for node in ("noise", "image"):
        assert key_of(bench, without, node) == key_of(bench, unused, node)
    files.write(bench.folder / "learned.bin", files.of_diffusers(WORD, files.vectors(2, 32, seed=5)))
    changed = key_of(Workbench(bench.folder, bench.folder / "cache"), used)
    assert changed != key_of(bench, unused)


def test_another_file_under_the_same_word_changes_key_and_result(bench: Workbench, tiny: Path) -> None:
    for number in (1, 2):
        files.write(
            bench.folder / f"{number}.bin", files.of_diffusers(WORD, files.vectors(2, 32, seed=number))
        )
    first, second = taught(tiny, f"a {WORD}", "1.bin"), taught(tiny, f"a {WORD}", "2.bin")
    assert key_of(bench, first) != key_of(bench, second)
    made, other = conditioning(bench, first), conditioning(bench, second)
    assert not torch.equal(made.positive[0].embeddings, other.positive[0].embeddings)


def test_a_word_put_together_by_a_schedule_counts_as_used(bench: Workbench, tiny: Path) -> None:
    """In the first step the text is `easynegative`, though that stands nowhere in the prompt."""
    files.write(bench.folder / "EasyNegative.pt", files.of_a1111(files.vectors(2, 32)))
    nodes = edited(
        taught(tiny, "a [easy:hard:1]negative", "EasyNegative.pt"),
        {"text": {"weighting": "a1111", "negative": ""}},
    )
    by_hand = edited(nodes, {"text": {"prompt": "a easynegative"}})
    assert torch.equal(
        conditioning(bench, nodes).positive[0].embeddings, conditioning(bench, by_hand).positive[0].embeddings
    )


def test_two_branches_share_the_text_encoder_and_do_not_touch_each_other(
    bench: Workbench, tiny: Path
) -> None:
    files.write(bench.folder / "learned.bin", files.of_diffusers(WORD, files.vectors(2, 32)))
    nodes = taught(tiny, f"a {WORD}")
    nodes["plain"] = {**nodes["text"], "model": "$model"}
    result = bench.run(nodes, {"a.safetensors": "$text", "b.safetensors": "$plain"})
    moved = [(event.action, event.component) for event in bench.events if isinstance(event, ModelMoved)]
    assert moved.count(("loaded", "text_encoder")) == 1
    fresh = Workbench(bench.folder, bench.folder / "fresh")
    alone = fresh.run(edited(text_to_image(tiny), {"text": nodes["plain"]}), {"b.safetensors": "$text"})
    assert bench.bytes_of(result, "plain", "conditioning") == fresh.bytes_of(alone, "text", "conditioning")


def test_it_counts_as_many_tokens_as_it_has_vectors(bench: Workbench, tiny: Path) -> None:
    files.write(bench.folder / "learned.bin", files.of_diffusers(WORD, files.vectors(40, 32)))
    problem = refused(bench, taught(tiny, f"{WORD} {WORD} a"))
    assert "81 tokens and the text encoder takes 75" in problem.message


def write_files(folder: Path) -> None:
    files.write(folder / "sd1.pt", files.of_a1111(files.vectors(1, 768)))
    files.write(folder / "sd2.safetensors", {"emb_params": files.vectors(1, 1024)})
    files.write(folder / "sdxl.safetensors", files.of_sdxl(files.vectors(1, 768), files.vectors(1, 1280)))
    files.write(folder / "many.bin", files.of_diffusers(WORD, files.vectors(80, 32)))
    files.write(
        folder / "lora.safetensors", {"unet.x.lora_A": torch.zeros(2, 3), "unet.x.lora_B": torch.ones(3, 2)}
    )
    (folder / "text.pt").write_text("hello")
    (folder / "cut.safetensors").write_bytes((folder / "sd2.safetensors").read_bytes()[:90])


REFUSED = [
    ("sd1.pt", {}, "SDF333", "this embedding is for SD 1.x"),
    ("sd2.safetensors", {}, "SDF333", "this embedding is for SD 2.x"),
    ("sdxl.safetensors", {}, "SDF333", "this embedding is for SDXL"),
    ("many.bin", {}, "SDF333", "80 vectors"),
    ("lora.safetensors", {}, "SDF332", "looks like a LoRA"),
    ("text.pt", {}, "SDF305", "is a text file"),
    ("cut.safetensors", {}, "SDF305", "safetensors"),
    ("nowhere.pt", {}, "SDF302", "there is no file"),
    ("learned.bin", {"token": " "}, "SDF204", "token"),
]


@pytest.mark.parametrize(("source", "fields", "code", "words"), REFUSED)
def test_what_cannot_be_used_is_refused_while_planning(
    bench: Workbench, tiny: Path, source: str, fields: dict[str, Any], code: str, words: str
) -> None:
    write_files(bench.folder)
    problem = refused(bench, taught(tiny, "a fox", source, **fields))
    assert (problem.code, words in problem.message) == (code, True), problem.message
    assert problem.position is not None


def test_sdxls_own_are_refused_for_others_and_the_other_way_round(
    bench: Workbench, tiny: Path, tiny_xl: Path
) -> None:
    files.write(bench.folder / "xl.safetensors", files.of_sdxl(files.vectors(1, 32), files.vectors(1, 48)))
    files.write(bench.folder / "sd.safetensors", {"emb_params": files.vectors(1, 32)})
    assert refused(bench, taught(tiny, "a", "xl.safetensors")).code == "SDF333"
    assert refused(bench, taught(tiny_xl, "a", "sd.safetensors")).code == "SDF333"


def test_a_file_with_a_payload_is_refused_and_nothing_of_it_runs(bench: Workbench, tiny: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (Path(bench.folder / "executed"),)  # type: ignore[return-value]  # what it calls

    torch.save({WORD: files.vectors(1, 32), "more": Payload()}, bench.folder / "evil.pt")
    problem = refused(bench, taught(tiny, "a", "evil.pt"))
    assert problem.code == "SDF316"
    assert not (bench.folder / "executed").exists()


def test_one_word_twice_on_a_model_is_refused(bench: Workbench, tiny: Path) -> None:
    files.write(bench.folder / "learned.bin", files.of_diffusers(WORD, files.vectors(1, 32)))
    nodes = taught(tiny, "a")
    nodes["again"] = {
        "type": "load-embedding",
        "model": "$taught",
        "source": "learned.bin",
        "token": WORD.upper(),
    }
    problem = refused(bench, edited(nodes, {"text": {"model": "$again"}}))
    assert "is on the model already" in problem.message


def test_a_word_that_the_tokenizer_has_is_refused_where_it_has_to_be_added(
    bench: Workbench, tiny: Path
) -> None:
    files.write(bench.folder / "learned.bin", files.of_diffusers("hor", files.vectors(1, 32)))
    nodes = edited(taught(tiny, "a hor"), {"text": {"negative": ""}})
    assert "no new one for the tokenizer" in refused(bench, nodes).message
    key_of(bench, edited(nodes, {"text": {"weighting": "a1111"}}))


def test_comfy_names_what_is_nearest(bench: Workbench, tiny: Path) -> None:
    files.write(bench.folder / "EasyNegative.pt", files.of_a1111(files.vectors(1, 32)))
    nodes = edited(
        taught(tiny, "embedding:EasyNegativ", "EasyNegative.pt"),
        {"text": {"weighting": "comfy", "negative": ""}},
    )
    problem = refused(bench, nodes)
    assert (problem.code, problem.hint) == ("SDF423", "did you mean `EasyNegative`?")


def test_a_name_with_spaces_needs_another_word_in_comfy_prompts(bench: Workbench, tiny: Path) -> None:
    files.write(bench.folder / "bad artist.pt", files.of_a1111(files.vectors(1, 32)))
    nodes = edited(
        taught(tiny, "embedding:bad artist", "bad artist.pt"),
        {"text": {"weighting": "comfy", "negative": ""}},
    )
    assert "`token` of load-embedding" in (refused(bench, nodes).hint or "")
    key_of(bench, edited(nodes, {"text": {"weighting": "a1111", "prompt": "(bad artist:1.2)"}}))


def test_planning_imports_no_torch(bench: Workbench, tiny: Path) -> None:
    import subprocess
    import sys

    files.write(bench.folder / "EasyNegative.pt", files.of_a1111(files.vectors(2, 32)))
    for weighting in ("plain", "a1111", "compel"):
        nodes = edited(taught(tiny, "a EasyNegative", "EasyNegative.pt"), {"text": {"weighting": weighting}})
        recipe = bench.write(nodes, {"a.png": "$image"})
        code = (
            "import sys\nfrom sdflow.cli.main import run\n"
            f"assert run(['plan', {str(recipe)!r}, '--device', 'cpu', '--no-cache']) == 0\n"
            "assert not {'torch', 'transformers', 'diffusers', 'compel'} & sys.modules.keys()\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
