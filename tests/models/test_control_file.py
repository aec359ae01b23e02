"""ControlNets and T2I-Adapters in one file: what they are is told by names and shapes alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import ControlNetModel, ControlNetUnionModel, T2IAdapter

from benchmarks.original_names import Tensors, prefixed
from sdflow.models.alone import describe_component
from sdflow.models.checkpoint.convert import converted
from sdflow.models.checkpoint.published import family
from sdflow.models.context import Context
from sdflow.models.hub_place import HubPlace
from sdflow.models.load import _on_meta
from sdflow.models.refused import ModelError
from sdflow.models.request import ComponentRequest, PartRequest
from sdflow.models.state_dict import fit_keys
from sdflow.values import Component
from tests.models.control_names import controlnet, t2i_adapter
from tests.models.layout import CPU
from tests.models.single_file import unread, write_holes

XL: dict[str, Any] = {
    "cross_attention_dim": 2048,
    "block_out_channels": [320, 640, 1280],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20],
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
SD2: dict[str, Any] = {"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20]}
NETS: dict[str, dict[str, Any]] = {
    "sd1": {"cross_attention_dim": 768},
    "sd2": {**SD2, "use_linear_projection": True},
    "sdxl": XL,
    "sdxl, shallow": {**XL, "transformer_layers_per_block": [0, 1, 1]},
    "sdxl, without attention on its way down": {**XL, "down_block_types": ["DownBlock2D"] * 3},
    "sdxl, without any attention": {
        **XL,
        "down_block_types": ["DownBlock2D"] * 3,
        "mid_block_type": "UNetMidBlock2D",
    },
    "sdxl, a wider eye for pictures of one channel": {
        **XL,
        "conditioning_embedding_out_channels": [32, 64, 128, 256],
        "conditioning_channels": 1,
    },
}
ADAPTERS: dict[str, dict[str, Any]] = {
    "colours": {},
    "grey": {"in_channels": 1},
    "three layers": {"num_res_blocks": 3},
    "light": {"adapter_type": "light_adapter", "channels": [320, 640, 1280], "num_res_blocks": 4},
    "sdxl": {"adapter_type": "full_adapter_xl", "downscale_factor": 16},
    "sdxl, grey": {"adapter_type": "full_adapter_xl", "downscale_factor": 16, "in_channels": 1},
}


def on_meta(built: Any, settings: Mapping[str, Any]) -> Any:
    with torch.device("meta"):
        return built.from_config(dict(settings))


def found_in(folder: Path, tensors: Tensors, name: str = "net.safetensors", **more: Any) -> Component:
    """What planning knows of a file with these tensors, without a number of it."""
    write_holes(tensors, folder / name)
    hub = HubPlace(folder / "no-hub", "http://127.0.0.1:9", offline=True, listings=folder / "none")
    request = ComponentRequest("controlnet", PartRequest(f"./{name}", **more))
    return describe_component(request, Context(folder, unread, hub, folder / "cache"), CPU)


def settings_of(module: Any) -> Any:
    """What a module was built from, with lists for tuples."""
    return json.loads(json.dumps({k: it for k, it in module.config.items() if not k.startswith("_")}))


def assert_is(component: Component, wanted: Any, tensors: Tensors) -> None:
    """The same module is built, and the tensors of the file are its own."""
    module = _on_meta(component)
    assert settings_of(module) == settings_of(wanted)
    inside = {name.removeprefix(component.part): it for name, it in tensors.items()}
    stored = fit_keys(module, converted(component, module.config, inside))
    shapes = {name: it.shape for name, it in wanted.state_dict().items()}
    assert {name: it.shape for name, it in stored.items()} == shapes
    assert component.parameters == sum(shape.numel() for shape in shapes.values())


@pytest.mark.parametrize("original", [False, True], ids=["diffusers", "original"])
@pytest.mark.parametrize("name", NETS)
def test_a_controlnet_is_told_by_its_shapes(tmp_path: Path, name: str, original: bool) -> None:
    wanted = on_meta(ControlNetModel, NETS[name])
    tensors: Tensors = wanted.state_dict()
    if original:
        tensors = prefixed("control_model.", controlnet(tensors, layers=2))
    component = found_in(tmp_path, tensors)
    assert (component.class_name, component.part) == (
        "ControlNetModel",
        "control_model." if original else "",
    )
    depth = "transformer_layers_per_block"
    if name == "sdxl, shallow":  # where there is no attention, its depth is nothing
        wanted.register_to_config(**{depth: [1, 1, 1]})
    assert_is(component, wanted, tensors)


def test_published_ones_have_what_their_unets_have(tmp_path: Path) -> None:
    """So that the description, and with it every key, is the same whichever way it was found."""
    for name in ("sd1", "sdxl"):
        unet = family(name)["unet"]
        config = found_in(tmp_path, on_meta(ControlNetModel, NETS[name]).state_dict()).config
        assert {entry: unet[entry] for entry in config} == config


def test_a_union_is_told_by_its_shapes(tmp_path: Path) -> None:
    wanted = on_meta(ControlNetUnionModel, {**XL, "num_control_type": 8, "num_trans_layer": 2})
    component = found_in(tmp_path, wanted.state_dict())
    assert component.class_name == "ControlNetUnionModel"
    assert_is(component, wanted, wanted.state_dict())


def test_what_shuffles_pools_and_its_name_tells(tmp_path: Path) -> None:
    tensors = on_meta(ControlNetModel, NETS["sd1"]).state_dict()
    named = found_in(tmp_path, tensors, "control_v11e_sd15_shuffle_fp16.safetensors")
    assert named.config["global_pool_conditions"] is True
    assert "global_pool_conditions" not in found_in(tmp_path, tensors).config


@pytest.mark.parametrize("original", [False, True], ids=["diffusers", "original"])
@pytest.mark.parametrize("name", ADAPTERS)
def test_a_t2i_adapter_is_told_by_its_shapes(tmp_path: Path, name: str, original: bool) -> None:
    wanted = on_meta(T2IAdapter, ADAPTERS[name])
    tensors: Tensors = wanted.state_dict()
    if original:
        layers = wanted.config.num_res_blocks
        tensors = t2i_adapter(tensors, layers, light=name == "light")
    component = found_in(tmp_path, tensors)
    assert component.class_name == "T2IAdapter"
    assert_is(component, wanted, tensors)


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        ("lllite_unet_input_blocks_4_1.conditioning1.0.weight", "a ControlNet-LLLite, which sdflow does not"),
        ("lora_controlnet", "a Control-LoRA, which sdflow does not run"),
        ("lora_unet_down_blocks_0.lora_up.weight", "looks like a LoRA: neither a ControlNet nor"),
        ("something.weight", "is none that sdflow knows: neither a ControlNet nor a T2I-Adapter"),
    ],
)
def test_what_is_neither_is_named(tmp_path: Path, tensor: str, said: str) -> None:
    with pytest.raises(ModelError) as caught:
        found_in(tmp_path, {tensor: torch.empty(4, 4, device="meta")})
    (problem,) = caught.value.problems
    assert problem.code == "SDF303"
    assert said in problem.message


def test_widths_that_no_family_has_ask_for_a_configuration(tmp_path: Path) -> None:
    wide = {**NETS["sd1"], "block_out_channels": [640, 640, 1280, 1280]}
    with pytest.raises(ModelError) as caught:
        found_in(tmp_path, on_meta(diffusers.ControlNetModel, wide).state_dict())
    assert [it.code for it in caught.value.problems] == ["SDF320"]
