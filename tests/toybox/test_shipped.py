"""The models that lie in the package: whole, small enough, and what diffusers loads as it stands."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from safetensors import safe_open

from sdflow.models.builtin import BUILTINS, Shipped
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image
from training.backgrounds import PLACES
from training.family.report import family_table
from training.report import README, RESULTS, table
from training.vocabulary import COLOURS, THINGS

ROOT = Path(__file__).parents[2]
SHIPPED = {name: it.folder for name, it in BUILTINS.items() if isinstance(it, Shipped)}


def test_together_they_are_small_enough_for_a_wheel() -> None:
    files = [path for folder in SHIPPED.values() for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 48_000_000


def test_weights_are_safetensors_in_half_precision() -> None:
    for folder in SHIPPED.values():
        weights = list(folder.rglob("*.safetensors"))
        assert weights
        assert not [path for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".ckpt"}]
        for path in weights:
            with safe_open(path, "pt") as file:
                kinds = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118  # no mapping
            assert kinds == {"F16"}


def test_configurations_hold_no_paths() -> None:
    for folder in SHIPPED.values():
        for path in folder.rglob("*.json"):
            content = json.loads(path.read_text(encoding="utf-8"))
            assert "_name_or_path" not in content
            assert not [
                value for value in content.values() if isinstance(value, str) and value.startswith("/")
            ]


def test_diffusers_loads_it_as_it_stands_and_draws() -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(SHIPPED["toybox"])
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a cat", width=128, height=128, num_inference_steps=2).images[0]
    assert picture.size == (128, 128)


def test_the_small_autoencoder_reads_and_writes_the_same_latents(tmp_path: Path) -> None:
    """A picture through the one and back through the other is nearly what it was."""
    sketch = ROOT / "recipes" / "assets" / "sketch.png"
    nodes: Nodes = {
        "file": {"type": "load-image", "path": str(sketch)},
        "sized": {"type": "resize-image", "image": "$file", "width": 128, "height": 128},
    }
    for name, vae in (("large", None), ("small", "builtin:toybox-taesd")):
        nodes[name] = {"type": "load-model", "source": "builtin:toybox"} | (
            {} if vae is None else {"vae": vae}
        )
    for one, other in (("large", "large"), ("large", "small"), ("small", "large"), ("small", "small")):
        latent = {"type": "init-latent-from-image", "model": f"${one}", "image": "$sized", "seed": 1}
        clean = {
            "type": "denoise",
            "model": f"${other}",
            "conditioning": "$text",
            "latent": f"${one}-{other}-start",
        }
        nodes[f"{one}-{other}-start"] = latent
        nodes[f"{one}-{other}"] = clean | {"strength": 0.02, "steps": 50, "guidance": 1.0}
        nodes[f"{one}-{other}-back"] = {"type": "decode", "model": f"${other}", "latent": f"${one}-{other}"}
    nodes["text"] = {"type": "encode-prompt", "model": "$large", "prompt": ""}
    names = [name for name in nodes if name.endswith("-back")]
    outputs = {f"{name}.png": f"${name}" for name in names} | {"sized.png": "$sized"}
    files = Workbench(tmp_path).run(nodes, outputs).files
    before = np.asarray(Pillow.open(files["sized.png"])).astype(float)
    for name in names:
        after = np.asarray(Pillow.open(files[f"{name}.png"])).astype(float)
        assert 10 * np.log10(255**2 / np.mean((after - before) ** 2)) > 17, name


def test_previews_take_the_small_autoencoder(tmp_path: Path) -> None:
    nodes = edited(text_to_image("builtin:toybox"), {"sample": {"steps": 3}})
    nodes["fast"] = {"type": "load-model", "source": "builtin:toybox", "vae": "builtin:toybox-taesd"}
    nodes["way"] = {"type": "preview", "model": "$fast", "of": "$sample.trajectory", "every": 1}
    result = Workbench(tmp_path).run(nodes, {"{index}.png": "$way.decoded"})
    assert not result.failed
    assert len(result.files) == 4


def test_the_guide_names_everything_that_it_knows() -> None:
    guide = re.sub(r"\s+", " ", (ROOT / "docs" / "toybox.md").read_text(encoding="utf-8"))
    things = set(re.split(r"[,.·] ?", guide.split("**Things**: ")[1].split(" **Places**")[0]))
    assert {thing.strip() for thing in things} - {""} == set(THINGS)
    colours = guide.split('"on a … background": ')[1].split(".")[0]
    assert set(colours.split(", ")) == set(COLOURS)
    assert not [place for place, it in PLACES.items() if not any(words in guide for words in it.words)]


def test_the_tables_of_figures_are_those_of_the_results() -> None:
    text = README.read_text(encoding="utf-8")
    assert table() in text
    assert family_table(RESULTS) in text


def test_it_beats_the_prototype_in_every_row() -> None:
    results = ROOT / "training" / "results"
    toybox, before = (
        json.loads((results / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("toybox", "toybox-prototype")
    )
    assert toybox["autoencoder, dB"] > before["autoencoder, dB"]
    for row, figures in toybox["adherence"].items():
        assert figures["right"] > before["adherence"][row]["right"], row
        assert figures["right"] > figures["shuffled"] + 0.2, row


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_the_list_says_what_they_are(name: str) -> None:
    assert BUILTINS[name].about
