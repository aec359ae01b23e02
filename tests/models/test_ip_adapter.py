"""IP-Adapters: what planning knows of a file, what is refused, and that loading gives diffusers' modules."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from sdflow.models.alone import describe_component
from sdflow.models.context import Context
from sdflow.models.cross_attention import cross_attentions
from sdflow.models.hub_place import HubPlace
from sdflow.models.load import load_component
from sdflow.models.refused import ModelError
from sdflow.models.request import ComponentRequest, PartRequest
from sdflow.models.tiny import tiny_unet_config
from sdflow.models.tiny_ip_adapter import ip_adapter_tensors, write_tiny_ip_adapter
from sdflow.values import Component
from tests.models.layout import CPU, sha256

UNET = tiny_unet_config()
FILES = {"plain": "ip-adapter_sd15", "plus": "ip-adapter-plus_sd15", "full": "ip-adapter-full-face_sd15"}


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_ip_adapter(tmp_path_factory.mktemp("adapters"), UNET)


def describe(folder: Path, source: str, role: str = "ip_adapter", **more: Any) -> Component:
    hub = HubPlace(folder / "no-hub", "http://127.0.0.1:9", offline=True, listings=folder / "none")
    fields = {"beside": more.pop("beside")} if "beside" in more else {}
    request = ComponentRequest(role, PartRequest(source, **more), **fields)
    return describe_component(request, Context(folder, sha256, hub, folder / "cache"), CPU)


@pytest.mark.parametrize(
    ("kind", "width", "tokens"), [("plain", 24, 4), ("plus", 32, 16), ("full", 32, 0)], ids=FILES
)
def test_the_header_tells_what_it_is(adapters: Path, kind: str, width: int, tokens: int) -> None:
    found = describe(adapters, "./models", file=f"{FILES[kind]}.safetensors")
    assert (found.config["kind"], found.config["width"], found.config["tokens"]) == (kind, width, tokens)
    assert found.config["layers"] == [layer.width for layer in cross_attentions(UNET)]
    assert found.config["context"] == 32
    assert found.bytes_as_loaded == 4 * found.parameters
    module, size = load_component(found, "cpu")
    assert size == found.bytes_as_loaded
    assert not module.training


def diffusers_adapter(tensors: Mapping[str, torch.Tensor]) -> Any:
    """A UNet of diffusers' into which diffusers has loaded an adapter."""
    from diffusers import UNet2DConditionModel

    halves: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in tensors.items():
        half, _, rest = name.partition(".")
        halves[half][rest] = tensor
    unet = UNet2DConditionModel(**UNET)
    unet._load_ip_adapter_weights([halves])
    return unet


@pytest.mark.parametrize("kind", FILES)
def test_the_weights_are_where_diffusers_puts_them(adapters: Path, kind: Any) -> None:
    found = describe(adapters, "./models", file=f"{FILES[kind]}.safetensors")
    module, _ = load_component(found, "cpu")
    unet = diffusers_adapter(ip_adapter_tensors(UNET, kind))
    theirs = unet.encoder_hid_proj.image_projection_layers[0].state_dict()
    ours = module.projection.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    processors = [it for name, it in unet.attn_processors.items() if name.endswith("attn2.processor")]
    assert len(processors) == len(module.keys)
    for processor, keys, values in zip(processors, module.keys, module.values, strict=True):
        assert torch.equal(processor.to_k_ip[0].weight, keys.weight)
        assert torch.equal(processor.to_v_ip[0].weight, values.weight)


def test_a_pickle_is_the_same_adapter(adapters: Path, tmp_path: Path) -> None:
    halves: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in ip_adapter_tensors(UNET, "plus").items():
        half, _, rest = name.partition(".")
        halves[half][rest] = tensor
    torch.save(halves, tmp_path / "ip_adapter.bin")
    pickled = describe(tmp_path, "./ip_adapter.bin")
    other = describe(adapters, "./models", file="ip-adapter-plus_sd15.safetensors")
    assert pickled.config == other.config
    one, two = (load_component(it, "cpu")[0].state_dict() for it in (pickled, other))
    assert all(torch.equal(one[name], two[name]) for name in two)


@pytest.mark.parametrize("layout", ["tiny", "tiny_xl"])
def test_a_configuration_tells_where_a_unet_attends_to_text(
    layout: str, request: pytest.FixtureRequest
) -> None:
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(request.getfixturevalue(layout) / "unet")
    there = [name for name in unet.attn_processors if name.endswith(".attn2.processor")]
    found = cross_attentions(dict(unet.config))
    assert [f"{layer.path}.attn2.processor" for layer in found] == there
    assert [layer.width for layer in found] == [
        unet.get_submodule(f"{layer.path}.attn2.to_q").out_features for layer in found
    ]


def test_the_image_encoder_lies_beside_the_file(adapters: Path) -> None:
    for source, fields in (
        ("./models/ip-adapter_sd15.safetensors", {}),
        ("./models", {"file": "ip-adapter_sd15.safetensors"}),
        (".", {"file": "models/ip-adapter_sd15.safetensors"}),
        (".", {"file": "ip-adapter_sd15.safetensors", "subfolder": "models"}),
    ):
        found = describe(adapters, source, "image_encoder", beside="image_encoder", **fields)
        assert (found.class_name, found.config["projection_dim"]) == ("CLIPVisionModelWithProjection", 24)
    module, size = load_component(found, "cpu")
    assert size >= found.bytes_as_loaded
    assert not module.training


def test_where_no_image_encoder_lies_the_field_says_another_place(tmp_path: Path) -> None:
    save_file(ip_adapter_tensors(UNET, "plain"), tmp_path / "alone.safetensors")
    with pytest.raises(ModelError) as caught:
        describe(tmp_path, "./alone.safetensors", "image_encoder", beside="image_encoder")
    (found,) = caught.value.findings
    assert found.field == ("image_encoder",)
    assert "models/image_encoder" in (found.problem.hint or "")


def _face(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    projection = {
        "image_proj.proj.0.weight": torch.zeros(64, 32),
        "image_proj.proj.2.weight": torch.zeros(128, 64),
        "image_proj.norm.weight": torch.zeros(32),
    }
    return {name: it for name, it in tensors.items() if name.startswith("ip_adapter")} | projection


BROKEN: dict[str, tuple[Any, str]] = {
    "a FaceID adapter": (_face, "insightface"),
    "one with a LoRA in it": (
        lambda it: it | {"ip_adapter.0.to_k_lora.down.weight": torch.zeros(4, 4)},
        "insightface",
    ),
    "one for a transformer": (
        lambda _it: {"double_blocks.0.processor.ip_adapter_k.weight": torch.zeros(4)},
        "transformer",
    ),
    "a LoRA": (lambda _it: {"lora_unet_x.lora_down.weight": torch.zeros(4, 4)}, "no IP-Adapter"),
    "half of one": (lambda it: {n: t for n, t in it.items() if n.startswith("ip_")}, "no IP-Adapter"),
    "a layer too few": (
        lambda it: {n: t for n, t in it.items() if not n.startswith("ip_adapter.3.")},
        "broken",
    ),
    "halves of two": (lambda it: it | {"image_proj.proj.weight": torch.zeros(4 * 48, 24)}, "halves"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    change, words = BROKEN[name]
    save_file(change(ip_adapter_tensors(UNET, "plain")), tmp_path / "file.safetensors")
    with pytest.raises(ModelError) as caught:
        describe(tmp_path, "./file.safetensors")
    (found,) = caught.value.findings
    assert found.problem.code == "SDF358"
    assert words in found.problem.message
