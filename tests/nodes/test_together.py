"""LoRAs, ControlNets, pictures as prompts, perturbed attention and windows in one run, as in the pipelines."""

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from sdflow.models.load import load_component
from sdflow.models.request import ComponentRequest, PartRequest
from tests.models.lora import as_peft, random_factors, write
from tests.nodes.test_image_prompt import EULER, bench, given_to, picture, prompted, with_adapters
from tests.nodes.test_lora import drawn, latent_of, own_modules, own_pipeline
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

__all__ = ["bench"]

PICTURES = {"kind": "plus", "weight": 0.7}
NET = "builtin:tiny-controlnet"


def following(nodes: Nodes) -> Nodes:
    """The nodes, with a ControlNet."""
    return {
        **edited(nodes, {"sample": {"control": [{"model": "$net", "image": "$edges", "weight": 0.8}]}}),
        "edges": {"type": "load-image", "path": "2.png"},
        "net": {"type": "load-controlnet", "source": NET},
    }


def with_lora(bench: Workbench, model: Path, nodes: Nodes) -> tuple[Nodes, dict[str, torch.Tensor]]:
    """The nodes with a LoRA on UNet and text encoder, and its tensors."""
    modules = own_modules(bench, model)
    tensors = as_peft(random_factors({role: modules[role] for role in ("unet", "text_encoder")}, seed=3))
    write(bench.folder / "together.safetensors", tensors)
    lora = {"type": "apply-lora", "model": "$model", "source": "./together.safetensors"}
    changed = edited(nodes, {"sample": {"model": "$lora"}, "text": {"model": "$lora"}})
    return {**changed, "lora": lora}, tensors


def rebuilt(kind: str, made: Any, **more: Any) -> Any:
    """Another pipeline around the same modules, with what lies on them."""
    pipeline = getattr(diffusers, kind)(**made.components, **more, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def net(bench: Workbench) -> Any:
    """The ControlNet as sdflow loads it."""
    request = ComponentRequest("controlnet", PartRequest(NET))
    return load_component(bench.session.describer.component(request, bench.folder), "cpu")[0]


def follows(bench: Workbench) -> dict[str, Any]:
    """What a user of the pipeline writes for the ControlNet."""
    return {"image": picture(bench, 2), "controlnet_conditioning_scale": 0.8}


def test_a_lora_and_a_controlnet(bench: Workbench, tiny: Path) -> None:
    nodes, tensors = with_lora(bench, tiny, following(text_to_image(tiny)))
    made = own_pipeline(bench, tiny, EULER, one=(tensors, 1.0))
    pipeline = rebuilt("StableDiffusionControlNetPipeline", made, controlnet=net(bench))
    both = drawn(bench, nodes)
    assert torch.equal(both, latent_of(pipeline, **follows(bench)))
    for one in (following(text_to_image(tiny)), with_lora(bench, tiny, text_to_image(tiny))[0]):
        assert not torch.allclose(drawn(bench, one), both, atol=1e-2)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_pictures_as_prompts_and_a_controlnet(bench: Workbench, tiny: Path, guidance: float) -> None:
    made = with_adapters(bench, own_pipeline(bench, tiny, EULER), ["plus"], 0.7)
    pipeline = rebuilt("StableDiffusionControlNetPipeline", made, controlnet=net(bench))
    theirs = latent_of(pipeline, guidance_scale=guidance, **follows(bench), **given_to(bench, [0], []))
    nodes = edited(following(prompted(tiny, PICTURES)), {"sample": {"guidance": guidance}})
    assert torch.equal(drawn(bench, nodes), theirs)


def test_pictures_as_prompts_a_lora_and_a_controlnet(bench: Workbench, tiny: Path) -> None:
    nodes, tensors = with_lora(bench, tiny, following(prompted(tiny, PICTURES)))
    made = with_adapters(bench, own_pipeline(bench, tiny, EULER, one=(tensors, 1.0)), ["plus"], 0.7)
    pipeline = rebuilt("StableDiffusionControlNetPipeline", made, controlnet=net(bench))
    theirs = latent_of(pipeline, **follows(bench), **given_to(bench, [0], []))
    assert torch.equal(drawn(bench, nodes), theirs)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_pictures_as_prompts_and_perturbed_attention(bench: Workbench, tiny: Path, guidance: float) -> None:
    made = with_adapters(bench, own_pipeline(bench, tiny, EULER), ["plus"], 0.7)
    pipeline = rebuilt("StableDiffusionPAGPipeline", made, pag_applied_layers=["down_blocks.0"])
    given = {"guidance_scale": guidance, "pag_scale": 2.0, **given_to(bench, [0], [])}
    theirs = latent_of(pipeline, **given)
    nodes = prompted(tiny, PICTURES)
    alone = drawn(bench, edited(nodes, {"sample": {"guidance": guidance}}))
    steered = {"guidance": guidance, "pag": {"scale": 2.0, "layers": ["down_blocks.0"]}}
    ours = drawn(bench, edited(nodes, {"sample": steered}))
    assert torch.equal(ours, theirs)
    assert not torch.allclose(ours, alone, atol=1e-3)


def test_pictures_as_prompts_in_windows(bench: Workbench, tiny: Path) -> None:
    """There is no pipeline for it: one window is the ordinary run, and in several the pictures are felt."""
    nodes = edited(prompted(tiny, PICTURES), {"noise": {"width": 96}})
    whole = edited(nodes, {"sample": {"windows": {"size": 128, "overlap": 16}}})
    assert torch.equal(drawn(bench, whole), drawn(bench, nodes))
    windows = {"windows": {"size": 64, "overlap": 16}}
    several = drawn(bench, edited(nodes, {"sample": windows}))
    assert not torch.allclose(several, drawn(bench, nodes), atol=1e-3)
    plain = edited(text_to_image(tiny), {"noise": {"width": 96}, "sample": windows})
    assert (several - drawn(bench, plain)).abs().mean() > 0.02
