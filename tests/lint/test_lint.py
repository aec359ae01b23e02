"""`sdflow lint`: a table of recipes, each with one thing that is probably a mistake, and what is said of it."""

import re
from pathlib import Path

import pytest

from sdflow.cli.linting import look
from sdflow.models.tiny import write_tiny
from sdflow.problems import Problem
from sdflow.problems.codes import CODES as KNOWN
from sdflow.workflow import Session, Settings
from tests.nodes.embeddings import of_diffusers, vectors, write

RECIPE = """\
sdflow: 1
name: fox
params:
  seed: 3
nodes:
  model: {type: load-model, source: ./model}
  text: {type: encode-prompt, model: $model, prompt: a red fox in the snow, negative: blurry}
  noise: {type: init-latent, model: $model, width: 512, height: 512, seed: $params.seed}
  sample: {type: denoise, model: $model, conditioning: $text, latent: $noise, sampler: euler, steps: 25}
  image: {type: decode, model: $model, latent: $sample}
outputs: {"{name}.png": $image}
"""

PICTURE = """\
  small: {type: load-image, path: fox.png}
  begin: {type: init-latent-from-image, model: $model, image: $small, seed: 1}
  again: {type: denoise, model: $model, conditioning: $text, latent: $begin, steps: 8, strength: 0.2, sampler: ddim}
  other: {type: decode, model: $model, latent: $again}
"""

TAUGHT = """\
  taught: {type: load-embedding, model: $model, source: ./word.safetensors, token: pretty}
  more: {type: load-embedding, model: $taught, source: ./word.safetensors, token: blurry}
  text: {type: encode-prompt, model: $more,"""
OTHER = "  other: {type: encode-prompt, model: $taught, prompt: a fox, negative: fog}\n  noise:"
WITH_WORD = ("  text: {type: encode-prompt, model: $model,", TAUGHT)

# What is written instead, the code, the place in the recipe, and words of the finding.
CASES: dict[str, tuple[tuple[tuple[str, str], ...], str, tuple[int, str], str]] = {
    "weight": ((("a red fox", "a (red:1.3) fox"),), "SDF801", (7, "prompt"), r"`\(red:1.3\)` .* as a weight"),
    "emphasis": ((("a red fox", "a ((red)) fox"),), "SDF801", (7, "prompt"), "as emphasis"),
    "edit": ((("a red fox in the snow", "'a [red:blue:0.4] fox'"),), "SDF801", (7, "prompt"), "an edit"),
    "alternation": ((("a red fox in the snow", "'a [red|blue] fox'"),), "SDF801", (7, "prompt"), "alternate"),
    "less": ((("a red fox in the snow", "'a [[red]] fox'"),), "SDF801", (7, "prompt"), "less emphasis"),
    "break": ((("a red fox", "a fox BREAK red"),), "SDF801", (7, "prompt"), "a new chunk"),
    "embedding": ((("blurry", "'embedding:EasyNegative'"),), "SDF801", (7, "negative"), "textual inversion"),
    "compel's weight": ((("a red fox", "a (red)1.3 fox"),), "SDF801", (7, "prompt"), r"`\(red\)1.3` .* as a weight"),
    "unclosed": (
        (("a red fox in the snow", "a (red:1.3 fox, weighting: a1111"),), "SDF801", (7, "prompt"), "fox` is never",
    ),
    "unclosed for comfy": (
        (("a red fox in the snow", r"a \(red\) ((fox), weighting: comfy"),), "SDF801", (7, "prompt"), "never closed",
    ),
    "lora tag": ((("a red fox", "<lora:fox:0.8> fox"),), "SDF802", (7, "prompt"), "<lora:fox:0.8>"),
    "a word that nobody says": ((WITH_WORD,), "SDF812", (7, "token"), "no prompt says `pretty`"),
    "a word that no prompt can say": (
        (("  noise:", TAUGHT.splitlines()[0] + "\n  noise:"),), "SDF812", (8, "token"), "no prompt says `pretty`",
    ),
    "a word that the file tells": (
        (WITH_WORD, (", token: pretty", "")), "SDF812", (7, "source"), "no prompt says `strange`",
    ),
    "twice": ((("a red fox in the snow", '"fox, Snow,  snow"'),), "SDF809", (7, "prompt"), "`snow`"),
    "doubled": ((("the snow", "the the snow"),), "SDF809", (7, "prompt"), "`the`"),
    "negative": ((("steps: 25", "steps: 25, guidance: 1"),), "SDF803", (7, "negative"), "sample is 1"),
    "lcm burns": (
        (("euler, steps: 25", "lcm, steps: 4, guidance: 8"),), "SDF808", (9, "guidance"), "guidance 8 is much for lcm",
    ),
    "lcm and attention": (
        (("euler, steps: 25", "lcm, steps: 4, guidance: 1.5, pag: {}"),), "SDF808", (9, "pag"), "is much for lcm",
    ),
    "lcm long": ((("euler, steps: 25", "lcm, steps: 30, guidance: 1.5"),), "SDF807", (9, "steps"), "2 to 8"),
    "too few": ((("steps: 25", "steps: 4"),), "SDF807", (9, "steps"), "are few"),
    "too many": ((("steps: 25", "steps: 500"),), "SDF807", (9, "steps"), "beyond 50"),
    "one step": (
        (("outputs: {", PICTURE + 'outputs: {"b.png": $other, '),), "SDF807", (13, "strength"), "a single step",
    ),
    "too large": ((("width: 512, height: 512", "width: 1024, height: 1024"),), "SDF805", (8, "width"), "512×512"),
    "too small": ((("width: 512, height: 512", "width: 256, height: 448"),), "SDF805", (8, "width"), "falls"),
    "uneven": ((("width: 512", "width: 520"),), "SDF806", (8, "width"), "520 is no multiple"),
    "hub": ((("./model", "someone/model"),), "SDF804", (6, "source"), "`main`"),
    "branch": ((("./model", "someone/model, revision: v2"),), "SDF804", (6, "source"), "`v2`"),
    "part": ((("./model", "./model, vae: someone/vae"),), "SDF804", (6, "vae"), "`someone/vae`"),
    "param": ((("  seed: 3", "  seed: 3\n  other: 4"),), "SDF810", (5, ""), "`other`"),
    "seed": ((("$params.seed", "random"), ("params:\n  seed: 3\n", "")), "SDF811", (6, "seed"), "another one"),
}  # fmt: skip

# What is as it should be, although it is near one of those.
FINE: dict[str, tuple[tuple[str, str], ...]] = {
    "as it is": (),
    "brackets in prose": (("a red fox", "a red fox (vulpes)"),),
    "a word that is said": (WITH_WORD, ("negative: blurry", "negative: a Pretty blurry thing")),
    "a word of one of two": (WITH_WORD, ("negative: blurry", "negative: pretty blurry"), ("  noise:", OTHER)),
    "escaped": (("a red fox", "a fox \\(red:1.3\\)"),),
    "a tag that contains another": (("a red fox in the snow", '"fox, red fox"'),),
    "a few steps without guidance": (("euler, steps: 25", "euler-trailing, steps: 4, guidance: 0"),
                                     (", negative: blurry", "")),
    "a portrait": (("height: 512", "height: 768"),),
    "many steps of ddpm": (("euler, steps: 25", "ddpm, steps: 1000"),),
    "a commit": (("./model", f"someone/model, revision: {'a' * 40}"),),
    "a file with its sha256": (("./model", f"someone/model, file: a.safetensors, sha256: {'b' * 64}"),),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that says it was made for 512×512, and a picture."""
    from PIL import Image as Pillow

    folder = tmp_path_factory.mktemp("lint")
    write_tiny(folder / "model", sample_size=64)
    Pillow.new("RGB", (64, 64)).save(folder / "fox.png")
    write(folder / "word.safetensors", of_diffusers("strange", vectors(2, 32)))
    return folder


def findings(folder: Path, edits: tuple[tuple[str, str], ...]) -> list[Problem]:
    text = RECIPE
    for before, after in edits:
        assert before in text, before
        text = text.replace(before, after)
    (folder / "r.yaml").write_text(text)
    with Session(Settings(device="cpu", cache=folder / "cache")).closing() as session:
        options = {"params": (), "values": (), "overrides": (), "matrix": ()}
        return look(session, folder / "r.yaml", options)[0]


@pytest.mark.parametrize("case", CASES)
def test_what_is_probably_a_mistake(folder: Path, case: str) -> None:
    edits, code, (line, field), words = CASES[case]
    (found,) = findings(folder, edits)
    assert found.code == code
    assert re.search(words, f"{found.message} {found.hint}")
    text = (folder / "r.yaml").read_text().splitlines()[line - 1]
    column = text.index(f"{field}: ") + len(field) + 3 if field else 3
    assert found.position is not None
    assert (found.position.line, found.position.column) == (line, column)


COMFY = ("model: $model, prompt:", "model: $model, weighting: comfy, prompt:")
A1111 = ("model: $model, prompt:", "model: $model, weighting: a1111, prompt:")


@pytest.mark.parametrize(
    ("language", "prompt", "hint"),
    [
        (None, "'a ((red)) fox'", "weighting: a1111"),
        (None, "'a red fox, embedding:pretty'", "weighting: comfy"),
        (COMFY, "'a (red:1.3) fox'", None),
        (COMFY, "'a [red|blue] fox'", "weighting: a1111"),
        (COMFY, "'a fox BREAK red'", "weighting: a1111"),
        (A1111, "'a (red:1.3) [fox|cat] BREAK [red:blue:0.4] [[snow]]'", None),
        (A1111, "'a red fox, embedding:pretty'", "weighting: comfy"),
        (A1111, "'a red fox AND a blue cat'", "combine-conditioning"),
        (None, "'a red fox AND a blue cat'", None),
    ],
)
def test_what_another_language_means(
    folder: Path, language: tuple[str, str] | None, prompt: str, hint: str | None
) -> None:
    """Signs are pointed at where the language of the node does not have them, with one that does."""
    edits = (("a red fox in the snow", prompt), *((language,) if language else ()))
    found = findings(folder, edits)
    assert [it.code for it in found] == (["SDF801"] if hint else [])
    assert all(hint in str(it.hint) for it in found if hint)


@pytest.mark.parametrize("case", FINE)
def test_what_is_no_mistake(folder: Path, case: str) -> None:
    assert findings(folder, FINE[case]) == []


def test_every_code_has_its_case() -> None:
    assert {code for _, code, _, _ in CASES.values()} == {code for code in KNOWN if code.startswith("SDF8")}


def test_a_matrix_has_a_finding_once(folder: Path) -> None:
    edits = (
        ("steps: 25", "steps: 500"),
        ("outputs:", "matrix: {seed: [1, 2, 3]}\noutputs:"),
        ("{name}.png", "{name}-{params.seed}.png"),
    )
    assert [it.code for it in findings(folder, edits)] == ["SDF807"]


def test_a_negative_prompt_that_one_of_two_uses_is_no_mistake(folder: Path) -> None:
    second = "  second: {type: denoise, model: $model, conditioning: $text, latent: $noise, guidance: 1}\n"
    second += "  third: {type: decode, model: $model, latent: $second}\n"
    edits = (("outputs: {", second + 'outputs: {"b.png": $third, '),)
    assert findings(folder, edits) == []


def test_guidance_by_a_picture_needs_guidance_by_the_prompt(folder: Path) -> None:
    write_tiny(folder / "editor", sample_size=64, in_channels=8)
    noise = "noise: {type: init-latent, model: $model, width: 512, height: 512"
    edited = "photo: {type: load-image, path: fox.png}\n  "
    edited += "noise: {type: init-latent-to-edit, model: $model, image: $photo"
    edits = (("./model", "./editor"), (", negative: blurry", ""), (noise, edited))
    (found,) = findings(folder, (*edits, ("steps: 25", "steps: 25, guidance: 1, image-guidance: 2")))
    assert (found.code, "image-guidance has no effect" in found.message) == ("SDF803", True)
    assert findings(folder, (*edits, ("steps: 25", "steps: 25, image-guidance: 2"))) == []


def test_a_model_distilled_with_guidance_is_left_alone(folder: Path) -> None:
    write_tiny(folder / "distilled", sample_size=64, time_cond_proj_dim=16)
    edits = (("./model", "./distilled"), ("euler, steps: 25", "lcm, steps: 4, guidance: 8"))
    assert findings(folder, edits) == []
