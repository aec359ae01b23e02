"""Every recipe that comes with sdflow runs, and makes the pictures that it promises."""

import shlex
from pathlib import Path

import pytest
from PIL import Image as Pillow

from sdflow.composing import compose_file
from sdflow.recipe import Changes
from sdflow.workflow import Session, Settings
from tests.models.single_file import checkpoint, original, write
from tests.nodes import embeddings

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = ("steps=4", "size=64")

# Recipe → params that make it small and offline, and the size of each picture. `{assets}` is a folder of files.
CASES: dict[str, tuple[tuple[str, ...], dict[str, tuple[int, int] | None]]] = {
    "quickstart": (("size=64", "steps=2"), {"quickstart.png": None}),
    "txt2img": (("model=builtin:tiny", *SMALL), {"astronaut-42.png": (64, 64)}),
    "img2img": (
        ("model=builtin:tiny", "width=96", "height=64", "steps=4"),
        {"fantasy-landscape-0.75.png": (96, 64)},
    ),
    "prompt-editing": (("model=builtin:tiny", *SMALL), {"prompt-editing-7.png": (64, 64)}),
    "negative-prompt": (("model=builtin:tiny", *SMALL), {"negative-prompt.png": None}),
    "negative-embedding": (
        ("model=builtin:tiny", "embedding={assets}/embeddings", *SMALL),
        {"negative-embedding.png": None},
    ),
    "sdxl-refiner": (
        ("base=builtin:tiny-xl", "refiner=builtin:tiny-xl-refiner", "steps=5", "size=64"),
        {"sdxl-refiner-42.png": (64, 64)},
    ),
    "few-steps": (("model=builtin:tiny-xl", "size=64"), {"few-steps-2-42.png": (64, 64)}),
    "watch-it-denoise": (("model=builtin:tiny", "steps=10", "size=64"), {"watch-it-denoise.png": None}),
    "animation": (("model=builtin:tiny", *SMALL), {"animation-42.gif": (64, 64)}),
    "tiled-upscale": (
        ("model=builtin:tiny", "window=64", *SMALL),
        {"tiled-upscale-42.png": (128, 128)},
    ),
    "regions": (("model=builtin:tiny", *SMALL), {"regions-5.png": (64, 64)}),
    "controlnet": (
        (
            "model=builtin:tiny",
            "controlnet=builtin:tiny-controlnet",
            "width=96",
            "height=64",
            "steps=3",
        ),
        {"controlnet-7.png": (96, 64)},
    ),
    "two-controlnets": (
        (
            "model=builtin:tiny",
            "shape=builtin:tiny-controlnet",
            "colours=builtin:tiny-t2i-adapter",
            "width=96",
            "height=64",
            "steps=3",
        ),
        {"two-controlnets-7.png": (96, 64)},
    ),
    "safety": (
        ("model=builtin:tiny", "checker=builtin:tiny-safety-checker", *SMALL),
        {"safety-7-0.png": (64, 64), "safety-7-1.png": (64, 64)},
    ),
    "inpaint": (
        ("model=builtin:tiny-inpaint", "width=96", "height=64", "steps=4"),
        {"inpaint-1.0.png": (96, 64)},
    ),
    "x2-upscale": (
        ("model=builtin:tiny", "upscaler=builtin:tiny-x2", "upscaler-steps=3", *SMALL),
        {"x2-upscale-33.png": (128, 128), "x2-upscale-33-small.png": (64, 64)},
    ),
    "instruct-edit": (
        ("model=builtin:tiny-edit", "width=96", "height=64", "steps=4"),
        {"instruct-edit-7.5-1.5.png": (96, 64)},
    ),
    "inpaint-only-masked": (
        ("model=builtin:tiny-inpaint", "size=64", "steps=4"),
        {"inpaint-only-masked.png": (768, 512)},
    ),
    "outpaint": (
        ("model=builtin:tiny-inpaint", "size=64", "left=16", "right=8", "steps=4"),
        {"outpaint.png": (120, 64)},
    ),
    "soft-inpaint": (
        ("model=builtin:tiny", "width=96", "height=64", "steps=4"),
        {"soft-inpaint.png": (96, 64)},
    ),
    "hires-fix": (
        ("model=builtin:tiny", "size=64", "factor=1.5", "steps=4", "strength-picture=0.5"),
        {
            "hires-fix-7-first.png": (64, 64),
            "hires-fix-7-latent.png": (96, 96),
            "hires-fix-7-picture.png": (96, 96),
        },
    ),
    "x4-upscale": (("model=builtin:tiny-x4", "size=16", "steps=4"), {"x4-upscale-20.png": (64, 64)}),
    "community-checkpoint": (
        ("checkpoint=builtin:tiny", "vae=builtin:tiny", *SMALL),
        {"community-checkpoint-8.png": (64, 64)},
    ),
    "lora-mix": (
        ("model=builtin:tiny", "steps-lora={assets}/fast", "style={assets}/style.safetensors", *SMALL),
        {"lora-mix-12-plain.png": (64, 64), "lora-mix-12-styled.png": (64, 64)},
    ),
    "image-prompt": (
        ("model=builtin:tiny", "adapter=builtin:tiny-ip-adapter", *SMALL),
        {"image-prompt-20.png": (64, 64)},
    ),
    "enhance": (
        ("model=builtin:tiny", "width=96", "height=64", "steps=4"),
        {"enhance-5.png": (96, 64)},
    ),
    "draw-and-enhance": (
        ("model=builtin:tiny", "larger=96", *SMALL),
        {"draw-and-enhance-42-first.png": (64, 64), "draw-and-enhance-42.png": (96, 96)},
    ),
    "parts": (
        ("text=builtin:tiny", "unet=builtin:tiny", "vae=builtin:tiny", "scheduler=builtin:tiny", *SMALL),
        {"parts-3.png": (64, 64)},
    ),
}


def test_every_recipe_is_in_the_table() -> None:
    assert {path.stem for path in RECIPES.glob("*.yaml")} == set(CASES)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(Settings(device="cpu", cache=tmp_path_factory.mktemp("recipes") / "cache"))


@pytest.fixture(scope="module")
def assets(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that recipes take from elsewhere, made for `builtin:tiny`."""
    from diffusers import UNet2DConditionModel

    from tests.models import lora

    folder = tmp_path_factory.mktemp("assets")
    embedding = {"emb_params": embeddings.vectors(3, 32)}
    embeddings.write(folder / "embeddings" / "EasyNegative.safetensors", embedding)
    modules = {"unet": UNet2DConditionModel.from_pretrained(tiny / "unet")}
    fast, style = (lora.random_factors(modules, seed=seed) for seed in (1, 2))
    lora.write(folder / "fast" / "pytorch_lora_weights.safetensors", lora.as_peft(fast))
    lora.write(folder / "style.safetensors", lora.as_kohya(style, alpha=2.0))
    return folder


@pytest.mark.parametrize("name", CASES)
def test_a_recipe_makes_its_pictures(session: Session, assets: Path, tmp_path: Path, name: str) -> None:
    given, pictures = CASES[name]
    params = tuple(param.format(assets=assets) for param in given)
    composition = compose_file(RECIPES / f"{name}.yaml", Changes(params=params), session.registry)
    result = session.run(composition, out=tmp_path)
    assert not result.failed
    assert set(result.files) == set(pictures)
    for path, size in pictures.items():
        with Pillow.open(result.files[path]) as picture:
            assert size is None or picture.size == size
            assert len(set(picture.convert("L").tobytes())) > 20, "a picture of one colour is none"
            assert path.endswith(".gif") or {"sdflow", "parameters"} <= picture.info.keys()


@pytest.mark.parametrize("name", sorted(set(CASES) - {"quickstart"}))
def test_recipes_name_real_hub_models_and_explain_themselves(name: str) -> None:
    text = (RECIPES / f"{name}.yaml").read_text()
    composition = compose_file(RECIPES / f"{name}.yaml", Changes(), Session(Settings()).registry)
    sources = {
        value
        for spec in composition.cells[0].nodes
        if spec.type == "load-model"
        for value in spec.fields.values()
    }
    assert all(isinstance(source, str) and source.count("/") == 1 for source in sources)
    assert text.startswith("#")
    assert text.count("#") >= 4


@pytest.mark.parametrize("name", sorted(set(CASES) - {"quickstart"}))
def test_the_line_for_no_network_is_right(session: Session, name: str) -> None:
    """What a recipe's head says to run it offline names what there is, params and built-in models alike."""
    head = (RECIPES / f"{name}.yaml").read_text().partition("\nsdflow: 1")[0]
    lines = [line.removeprefix("#").strip().removesuffix("\\") for line in head.splitlines()]
    (start,) = (number for number, line in enumerate(lines) if line.startswith("Without a "))
    words = shlex.split(" ".join(lines[start:]).partition(" -p ")[2])
    params = tuple(word for word in words if word != "-p")
    assert all("=" in param for param in params)
    assert any(param.partition("=")[2].startswith("builtin:") for param in params)
    composition = compose_file(RECIPES / f"{name}.yaml", Changes(params=params), session.registry)
    plan = session.prepare(composition).plan
    assert plan.outputs
    assert not plan.downloads


def test_a_community_checkpoint_and_its_vae_may_be_files(
    session: Session, tiny: Path, tmp_path: Path
) -> None:
    """Tiny ones, whose widths no published model has: their configuration is named."""
    file = write(checkpoint(tiny), tmp_path / "checkpoint.safetensors")
    vae = write(original(tiny, "vae"), tmp_path / "vae.pt")
    fields = (f"nodes.model.config={tiny}", f"nodes.model.vae={{source: {vae}, config: {tiny}}}")
    changes = Changes(params=(f"checkpoint={file}", *SMALL), fields=fields)
    result = session.run(
        compose_file(RECIPES / "community-checkpoint.yaml", changes, session.registry), out=tmp_path
    )
    assert not result.failed
    with Pillow.open(result.files["community-checkpoint-8.png"]) as picture:
        assert len(set(picture.convert("L").tobytes())) > 20
