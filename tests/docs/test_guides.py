"""The pages for those who come from elsewhere: every program there draws the picture of the recipe beside it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image as Pillow

from sdflow.composing import compose_file
from sdflow.composition import Composition
from sdflow.diffusion.samplers import canonical
from sdflow.recipe import Changes
from sdflow.workflow import Session, Settings
from tests.docs.test_docs import blocks

DOCS = Path(__file__).parents[2] / "docs"
SKETCH = Path(__file__).parents[2] / "recipes" / "assets" / "sketch.png"
SIZE = 64


@dataclass(frozen=True)
class Pair:
    """A program and the recipe beside it."""

    heading: str
    program: str
    recipe: str


def pairs() -> Iterator[Pair]:
    """The sections of the page that have both."""
    for section in (DOCS / "from-diffusers.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        found = dict(re.findall(r"^```(python|yaml)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
        if "python" in found:
            yield Pair(section.partition("\n")[0], found["python"], found["yaml"])


PAIRS = tuple(pairs())
PAGE = DOCS / "from-a1111.md"
RECIPES = [
    (name, block)
    for page in (PAGE, DOCS / "from-comfyui.md")
    for name, block in blocks(page, "yaml")
    if block.startswith("sdflow: 1")
]


def test_every_program_of_the_tutorial_is_there() -> None:
    assert [pair.heading for pair in PAIRS] == [
        "Text to image",
        "The loop written out",
        "Image to image",
        "Negative prompt",
        "A community model",
        "A LoRA",
        "Painting into a picture",
        "Editing by an instruction",
        "Four times as large",
        "Twice as large, by the latent",
        "Several prompts",
    ]


@pytest.fixture(scope="module")
def tiny_inpaint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose UNet is shown a mask."""
    from sdflow.models.tiny import write_tiny

    return write_tiny(tmp_path_factory.mktemp("inpaint"), in_channels=9)


@pytest.fixture(scope="module")
def tiny_x2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A latent upscaler."""
    from sdflow.models.tiny_x2 import write_tiny_x2

    return write_tiny_x2(tmp_path_factory.mktemp("x2"))


@pytest.fixture(scope="module")
def tiny_edit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that edits pictures."""
    from sdflow.models.tiny import write_tiny

    return write_tiny(tmp_path_factory.mktemp("edit"), in_channels=8)


@pytest.fixture(scope="module")
def tiny_x4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upscaler."""
    from sdflow.models.tiny import write_tiny

    return write_tiny(tmp_path_factory.mktemp("x4"), in_channels=7)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(Settings(device="cpu", cache=tmp_path_factory.mktemp("guides") / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The pictures that the pages speak of."""
    with Pillow.open(SKETCH) as sketch:
        for name in ("sketch", "photo", "edges"):
            sketch.convert("RGB").save(tmp_path / f"{name}.png")
    mask = Pillow.new("L", (SIZE, SIZE), 0)
    mask.paste(255, (8, 8, 40, 48))
    mask.save(tmp_path / "mask.png")
    return tmp_path


@pytest.fixture(scope="module")
def tiny_lora(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA for the tiny model, in a folder as on the hub."""
    from diffusers import UNet2DConditionModel

    from tests.models import lora

    folder = tmp_path_factory.mktemp("lora")
    factors = lora.random_factors({"unet": UNet2DConditionModel.from_pretrained(tiny / "unet")})
    lora.write(folder / "pytorch_lora_weights.safetensors", lora.as_peft(factors))
    return folder


@pytest.fixture
def models(
    tiny: Path, tiny_inpaint: Path, tiny_edit: Path, tiny_x2: Path, tiny_x4: Path, tiny_lora: Path
) -> Mapping[str, Path]:
    """Small models in place of those on the pages."""
    return {
        "stable-diffusion-v1-5/stable-diffusion-v1-5": tiny,
        "prompthero/openjourney": tiny,
        "sayakpaul/sd-model-finetuned-lora-t4": tiny_lora,
        "stabilityai/sd-vae-ft-mse": tiny / "vae",
        "stable-diffusion-v1-5/stable-diffusion-inpainting": tiny_inpaint,
        "timbrooks/instruct-pix2pix": tiny_edit,
        "stabilityai/sd-x2-latent-upscaler": tiny_x2,
        "stabilityai/stable-diffusion-x4-upscaler": tiny_x4,
        "./models/dreamshaper_8.safetensors": tiny,
        "lllyasviel/control_v11p_sd15_canny": Path("builtin:tiny-controlnet"),
    }


def small(path: Path, models: Mapping[str, Path], session: Session) -> Composition:
    """A recipe with small models, and pictures of an eighth of their size."""
    params: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["params"]
    params["size"] //= 8
    changed = {name: value for name, value in params.items() if name == "size"}
    changed |= {name: models[value] for name, value in params.items() if "/" in str(value)}
    changes = Changes(params=tuple(f"{name}={value}" for name, value in changed.items()))
    return compose_file(path, changes, session.registry)


@pytest.mark.parametrize("pair", PAIRS, ids=[pair.heading for pair in PAIRS])
def test_a_program_draws_the_picture_of_its_recipe(
    pair: Pair,
    folder: Path,
    models: Mapping[str, Path],
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = folder / "recipe.yaml"
    path.write_text(pair.recipe, encoding="utf-8")
    result = session.run(small(path, models, session), out=folder)
    assert not result.failed
    program = pair.program.replace("512", str(SIZE)).replace("128", str(SIZE // 4))
    for name, source in models.items():
        program = program.replace(f'"{name}"', repr(str(source)))
    monkeypatch.chdir(folder)
    variables: dict[str, Any] = {}
    exec(compile(program, pair.heading, "exec"), variables)  # the page's own program
    theirs = np.asarray(variables["image"]).astype(int)
    picture = next(file for name, file in result.files.items() if not re.search(r"-\d+\.png", name))
    # Loaded by two libraries into memory of different alignment, so not to the bit: one level of 255 at most.
    assert np.abs(np.asarray(Pillow.open(picture)).astype(int) - theirs).max() <= 1


@pytest.mark.parametrize(("name", "block"), RECIPES, ids=[name for name, _ in RECIPES])
def test_a_recipe_draws(
    name: str, block: str, folder: Path, models: Mapping[str, Path], session: Session
) -> None:
    path = folder / f"{name.replace(':', '-')}.yaml"
    path.write_text(block, encoding="utf-8")
    result = session.run(small(path, models, session), out=folder)
    assert not result.failed
    assert result.files
    for file in result.files.values():
        with Pillow.open(file) as picture:
            assert len(set(picture.convert("L").tobytes())) > 20, "a picture of one colour is none"


def test_the_samplers_of_the_other_program_have_their_names() -> None:
    for block in (block for _, block in blocks(PAGE, "yaml")):
        for name in re.findall(r"sampler: ([A-Z][^,}\]#\n]*)", block):
            assert canonical(name.strip()).name
