"""What profiles do to modules, on real ones: what it does, whether bits move, and that LoRAs are still felt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from sdflow.diffusion.item_by_item import ItemByItem
from sdflow.models.load import load_component
from sdflow.models.load_lora import load_lora
from sdflow.models.lora_layers import laid_on
from sdflow.models.offload import offload_by_group
from sdflow.pictures.likeness import psnr
from sdflow.profiles.applying import prepared
from sdflow.profiles.profile import Profile
from sdflow.values import Adapter, Component, Location, Model, WeightFile
from sdflow.workflow import Session, Settings
from tests.models.lora import as_peft, random_factors, write
from tests.nodes.workbench import Workbench, edited, text_to_image

LAYER = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.fixture(scope="module")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    bench = Workbench(tmp_path_factory.mktemp("modules"))
    plan = bench.session.prepare(bench.compose(bench.write(text_to_image(tiny), {"a.png": "$image"}))).plan
    found = plan.inferred[plan.graph.names["", "model"]]["model"]
    assert isinstance(found, Model)
    return found


def part(model: Model, role: str, **settings: Any) -> Component:
    return prepared(model, Profile(**settings)).components[role]


def loaded(component: Component) -> Any:
    return load_component(component, "cpu")[0]


def predicted(unet: Any, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    sample, text = (torch.randn(shape, generator=generator) for shape in ((batch, 4, 8, 8), (batch, 77, 32)))
    with torch.inference_mode():
        found: torch.Tensor = unet(sample, 500, encoder_hidden_states=text, return_dict=False)[0]
    return found.clone()


def decoded(vae: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = vae.decode(
            torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(3)), return_dict=False
        )[0]
    return found.clone()


def far(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


def test_channels_last_moves_bits_of_unet_and_vae_and_no_more(model: Model) -> None:
    for role, compute in (("unet", predicted), ("vae", decoded)):
        module = loaded(part(model, role, channels_last=True))
        assert (
            module.conv_in.weight.is_contiguous(memory_format=torch.channels_last) if role == "unet" else True
        )
        distance = far(compute(module), compute(loaded(model.components[role])))
        assert 0 < distance < 1e-4, role


def test_fused_projections_compute_with_one_matrix(model: Model) -> None:
    unet = loaded(part(model, "unet", fused_qkv=True))
    with torch.no_grad():
        unet.get_submodule(LAYER.removesuffix(".to_q")).to_qkv.weight.mul_(1)
        assert far(predicted(unet), predicted(loaded(model.components["unet"]))) < 1e-5
        unet.get_submodule(LAYER.removesuffix(".to_q")).to_qkv.weight.mul_(3)
    assert far(predicted(unet), predicted(loaded(model.components["unet"]))) > 1e-3, "it is what counts"


def test_float8_takes_a_quarter_of_the_bytes(model: Model) -> None:
    component = part(model, "unet", float8_storage=True)
    unet, size = load_component(component, "cpu")
    plain, whole = load_component(model.components["unet"], "cpu")
    assert size < 0.3 * whole
    assert abs(component.bytes_as_loaded - size) < 0.1 * size, "as the plan has it"
    assert unet.dtype == torch.float32, "what it computes in"
    assert 0.001 < far(predicted(unet), predicted(plain)) < 0.3


def test_int8_weights_are_those_of_torchao(model: Model, tiny: Path) -> None:
    quantization = pytest.importorskip(
        "torchao.quantization", reason="the extra quantization is not installed"
    )
    from diffusers import UNet2DConditionModel

    component = part(model, "unet", int8_weights=True)
    unet, size = load_component(component, "cpu")
    plain, whole = load_component(model.components["unet"], "cpu")
    linear = [it.weight for it in plain.modules() if isinstance(it, torch.nn.Linear)]
    rows = 5 * sum(it.shape[0] for it in linear)
    expected = whole - 3 * sum(it.numel() for it in linear) + rows
    assert size == expected, "a byte each; a float32 and a byte for each row"
    assert 1e-4 < far(predicted(unet), predicted(plain)) < 0.05
    theirs = UNet2DConditionModel.from_pretrained(str(tiny / "unet")).eval()
    quantization.quantize_(theirs, quantization.Int8WeightOnlyConfig())
    assert torch.equal(predicted(unet), predicted(theirs))


def test_int8_weights_draw_nearly_the_same_picture(tmp_path: Path) -> None:
    """A trained model, from the recipe to the file; without the setting its key is that without a profile."""
    pytest.importorskip("torchao.quantization", reason="the extra quantization is not installed")
    (tmp_path / "int8.yaml").write_text("int8-weights: true\n")
    nodes = edited(
        text_to_image("builtin:toybox"),
        {
            "text": {"prompt": "a castle in the snow"},
            "noise": {"width": 128, "height": 128},
            "sample": {"steps": 6},
        },
    )
    keys, pictures = [], []
    for profile in (None, str(tmp_path / "int8.yaml")):
        bench = Workbench(tmp_path / "bench")
        bench.session = Session(Settings(device="cpu", cache=tmp_path / "cache", profile=profile))
        result = bench.run(nodes, {"a.png": "$image"})
        plan = result.prepared.plan
        keys.append(plan.keys[plan.graph.names["", "sample"]].key)
        with Pillow.open(result.files["a.png"]) as picture:
            pictures.append(np.asarray(picture))
    assert keys[0] != keys[1]
    assert not np.array_equal(pictures[0], pictures[1])
    assert psnr(pictures[0], pictures[1]) > 38


def test_compiling_wraps_every_transformer_block(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def wrapped(module: Any, *_: Any, **__: Any) -> None:
        asked.append(type(module).__name__)

    monkeypatch.setattr(torch.nn.Module, "compile", wrapped)
    loaded(part(model, "unet", compile=True))
    assert set(asked) == {"BasicTransformerBlock"}
    assert len(asked) == 10


@pytest.mark.parametrize("level", ["block", "leaf"])
def test_groups_move_no_bits(model: Model, level: Any) -> None:
    unet = loaded(model.components["unet"])
    before = predicted(unet)
    offload_by_group(unet, level, "cpu")
    assert torch.equal(predicted(unet), before)


def lora_for(unet: Any, folder: Path) -> Adapter:
    file = write(folder / "lora.safetensors", as_peft(random_factors({"unet": unet}, seed=1)))
    return Adapter("lora", WeightFile(file.name, "sha256:a", file.stat().st_size), Location("here", folder))


Preparing = Callable[[Any], None]
CHANGED: dict[str, tuple[dict[str, Any], Preparing, float]] = {
    "groups": ({}, lambda unet: offload_by_group(unet, "leaf", "cpu"), 0.0),
    "channels last": ({"channels_last": True}, lambda _: None, 1e-4),
    "float8": ({"float8_storage": True}, lambda _: None, 0.3),
}


@pytest.mark.parametrize("name", CHANGED)
def test_loras_are_felt_and_leave_no_trace(model: Model, tmp_path: Path, name: str) -> None:
    settings, change, tolerance = CHANGED[name]
    plain, component = model.components["unet"], part(model, "unet", **settings)
    one, other = loaded(plain), loaded(component)
    adapter = lora_for(one, tmp_path)
    change(other)
    bare = predicted(other)
    with laid_on(one, [(load_lora(one, plain, adapter, "cpu"), 1.0)]):
        expected = predicted(one)
    with laid_on(other, [(load_lora(other, component, adapter, "cpu"), 1.0)]):
        assert far(predicted(other), bare) > 1e-3, "it is felt"
        assert far(predicted(other), expected) <= tolerance
    assert torch.equal(predicted(other), bare)


def test_item_by_item_is_each_item_alone(model: Model) -> None:
    unet = loaded(model.components["unet"])
    shown: list[int] = []
    unet.register_forward_pre_hook(lambda _module, given: shown.append(len(given[0])))
    together = predicted(unet, 3)
    apart = predicted(ItemByItem(unet), 3)
    assert shown == [3, 1, 1, 1]
    assert far(apart, together) < 1e-5
    assert ItemByItem(unet).config is unet.config


def test_everything_of_the_batch_is_split() -> None:
    seen: list[dict[str, Any]] = []

    def unet(sample: torch.Tensor, timestep: int, **given: Any) -> tuple[torch.Tensor]:
        seen.append(given)
        return (sample * 2,)

    rows = torch.arange(2.0)[:, None]
    found = ItemByItem(unet)(
        rows,
        1,
        text=rows,
        added={"ids": rows, "n": 7},
        residuals=[rows, rows],
        once=torch.ones(5),
        flag=False,
    )[0]
    assert torch.equal(found, rows * 2)
    assert [float(it["text"]) for it in seen] == [0.0, 1.0]
    assert [float(it["added"]["ids"]) for it in seen] == [0.0, 1.0]
    assert [float(it["residuals"][1]) for it in seen] == [0.0, 1.0]
    assert all(it["added"]["n"] == 7 and it["once"].shape == (5,) and it["flag"] is False for it in seen)


def test_loras_on_int8_weights_are_those_on_what_the_integers_stand_for(model: Model, tmp_path: Path) -> None:
    pytest.importorskip("torchao", reason="the extra quantization is not installed")
    plain, component = model.components["unet"], part(model, "unet", int8_weights=True)
    one, other = loaded(plain), loaded(component)
    quantized = dict(other.named_parameters())
    for name, weight in one.named_parameters():
        if hasattr(quantized[name], "dequantize") and type(quantized[name]) is not torch.nn.Parameter:
            weight.data = quantized[name].dequantize()
    assert far(predicted(one), predicted(loaded(plain))) > 1e-4, "the integers stand for other weights"
    adapter, bare = lora_for(one, tmp_path), predicted(other)
    with laid_on(one, [(load_lora(one, plain, adapter, "cpu"), 1.0)]):
        expected = predicted(one)
    with laid_on(other, [(load_lora(other, component, adapter, "cpu"), 1.0)]):
        assert far(predicted(other), bare) > 1e-3, "it is felt"
        assert far(predicted(other), expected) < 1e-4
    assert torch.equal(predicted(other), bare), "and leaves no trace"
