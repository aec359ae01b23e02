"""FreeU, perturbed-attention guidance and a LoRA in one recipe."""

from pathlib import Path

import pytest

from tests.models import lora
from tests.nodes.test_parity import pixels
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image


@pytest.fixture(scope="module")
def style(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA for the tiny UNet."""
    from diffusers import UNet2DConditionModel

    modules = {"unet": UNet2DConditionModel.from_pretrained(tiny / "unet")}
    file = tmp_path_factory.mktemp("style") / "style.safetensors"
    lora.write(file, lora.as_peft(lora.random_factors(modules, seed=3)))
    return file


def steered(tiny: Path, style: Path) -> Nodes:
    nodes = text_to_image(tiny)
    nodes["styled"] = {"type": "apply-lora", "model": "$model", "source": str(style), "weight": 0.8}
    fields = {"freeu": {"b1": 1.2, "b2": 1.4}, "pag": {"scale": 2.0, "layers": ["down_blocks.0", "mid"]}}
    return edited(nodes, {"sample": {"model": "$styled", "steps": 4, **fields}})


def test_with_a_lora_each_counts_and_the_model_stays_as_it_was(
    tiny: Path, style: Path, tmp_path: Path
) -> None:
    """Runs of one session share the UNet: what one does to it, the next does not see."""
    bench = Workbench(tmp_path)
    nodes = steered(tiny, style)
    edits: list[dict[str, dict[str, object]]] = [
        {},
        {"sample": {"freeu": None}},
        {"sample": {"pag": None}},
        {"sample": {"model": "$model"}},
        {"sample": {"model": "$model", "freeu": None, "pag": None}},
    ]
    made = [bench.run(edited(nodes, edit), {"{name}.safetensors": "$sample"}) for edit in edits]
    bytes_of = [bench.bytes_of(result, "sample", "latent") for result in made]
    assert len(set(bytes_of)) == len(edits)
    fresh = Workbench(tmp_path / "fresh")
    plain = fresh.run(edited(nodes, edits[-1]), {"a.safetensors": "$sample"})
    assert fresh.bytes_of(plain, "sample", "latent") == bytes_of[-1]


def test_a_split_run_is_the_whole_run(tiny: Path, style: Path, tmp_path: Path) -> None:
    nodes = steered(tiny, style)
    nodes["rest"] = {**nodes["sample"], "latent": "$first"}
    nodes["first"] = {**nodes["sample"], "end-step": 2}
    nodes["again"] = {"type": "decode", "model": "$model", "latent": "$rest"}
    files = Workbench(tmp_path).run(nodes, {"whole.png": "$image", "parts.png": "$again"}).files
    assert (pixels(files["whole.png"]) == pixels(files["parts.png"])).all()
