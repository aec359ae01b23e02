"""LoRA and its kin on layers: the formulas of their papers, and modules that are left as they were."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sdflow.models.lora_file import read_changes
from sdflow.models.lora_layers import LoraLayers, build_layers, laid_on
from sdflow.models.sgm_names import sgm_names
from sdflow.problems import NodeFailedError
from tests.models.lora import Tensors, as_kohya_xl, as_peft, random_factors, write

LINEAR, CONV = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q", "mid_block.resnets.0.conv1"
NAMES = {path: f"lora_unet_{path.replace('.', '_')}" for path in (LINEAR, CONV)}


@pytest.fixture
def unet(tiny: Path) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained(tiny / "unet").eval().requires_grad_(requires_grad=False)


def layers_from(module: Any, folder: Path, tensors: Tensors, **metadata: str) -> LoraLayers:
    file = write(folder / "lora.safetensors", tensors, metadata or None)
    return build_layers(module, read_changes(file, "unet", module), module.dtype, torch.device("cpu"))


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.3


def felt(module: Any, path: str) -> torch.Tensor:
    """What a layer makes of some input."""
    layer = module.get_submodule(path)
    weight = getattr(layer, "base_layer", layer).weight
    shape = (2, 5, weight.shape[1]) if weight.ndim == 2 else (2, weight.shape[1], 6, 6)
    with torch.no_grad():
        made: torch.Tensor = layer(rand(*shape, seed=9))
    return made


def felt_with(module: Any, path: str, change: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """The same with its weight replaced."""
    parameter = module.get_submodule(path).weight
    before = parameter.clone()
    parameter.copy_(change(before))
    result = felt(module, path)
    parameter.copy_(before)
    return result


def low_rank(out: int, inputs: int, kernel: tuple[int, ...] = ()) -> Tensors:
    return {
        "lora_down.weight": rand(4, inputs, *kernel, seed=1),
        "lora_up.weight": rand(out, 4, *(1 for _ in kernel), seed=2),
    }


def loha(out: int, inputs: int, rank: int = 4) -> Tensors:
    sides = {"w1_a": (out, rank), "w1_b": (rank, inputs), "w2_a": (out, rank), "w2_b": (rank, inputs)}
    return {f"hada_{name}": rand(*shape, seed=seed) for seed, (name, shape) in enumerate(sides.items())}


def kernel_of(core: torch.Tensor, out: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Tucker's form of a convolution's weight: core [r, r, h, w], out [r, out], inputs [r, in]."""
    return torch.einsum("ijkl,ip,jr->prkl", core, out, inputs)


def cases(weight: torch.Tensor) -> dict[str, tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]]:
    """Tensors of a layer, and what its weight is with them."""
    out, inputs, kernel = weight.shape[0], weight[0].numel(), tuple(weight.shape[2:])
    alpha = {"alpha": torch.tensor(2.0)}
    found: dict[str, tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]] = {}

    def case(name: str, tensors: Tensors, delta: torch.Tensor) -> None:
        found[name] = (tensors, lambda w, delta=delta: w + delta.reshape(w.shape))  # type: ignore[misc]

    h = loha(out, inputs)
    product = (h["hada_w1_a"] @ h["hada_w1_b"]) * (h["hada_w2_a"] @ h["hada_w2_b"])
    case("loha", h, product)
    case("loha with alpha", {**h, **alpha}, product * 2 / 4)
    w1 = rand(4, 2, seed=1)
    w2, a, b = rand(out // 4, inputs // 2, seed=2), rand(out // 4, 3, seed=3), rand(3, inputs // 2, seed=4)
    case(
        "lokr of full factors, which alpha does not scale",
        {"lokr_w1": w1, "lokr_w2": w2, **alpha},
        torch.kron(w1, w2),
    )
    case("lokr", {"lokr_w1": w1, "lokr_w2_a": a, "lokr_w2_b": b, **alpha}, torch.kron(w1, a @ b) * 2 / 3)
    a1, b1 = rand(4, 3, seed=5), rand(3, 2, seed=6)
    both = {"lokr_w1_a": a1, "lokr_w1_b": b1, "lokr_w2_a": a, "lokr_w2_b": b}
    case("lokr of four factors", both, torch.kron(a1 @ b1, a @ b))
    low = low_rank(out, weight.shape[1], kernel)
    delta = low["lora_up.weight"].flatten(1) @ low["lora_down.weight"].flatten(1)
    case("lora with alpha", {**low, **alpha}, delta * 2 / 4)
    scale = rand(out, *(1 for _ in weight.shape[1:]), seed=7).abs() + 0.5
    found["dora"] = (
        {**low, **alpha, "dora_scale": scale},
        lambda w: (w + (delta * 2 / 4).reshape(w.shape)) * scale
        / (w + (delta * 2 / 4).reshape(w.shape)).flatten(1).norm(dim=1).reshape(scale.shape),
    )  # fmt: skip
    if kernel:
        core, other = rand(4, 4, *kernel, seed=1), rand(4, 4, *kernel, seed=2)
        outs, ins = [rand(4, out, seed=s) for s in (3, 4)], [rand(4, weight.shape[1], seed=s) for s in (5, 6)]
        tucker = {
            "hada_t1": core, "hada_w1_a": outs[0], "hada_w1_b": ins[0],
            "hada_t2": other, "hada_w2_a": outs[1], "hada_w2_b": ins[1],
        }  # fmt: skip
        case(
            "loha with cores",
            tucker,
            kernel_of(core, outs[0], ins[0]) * kernel_of(other, outs[1], ins[1]),
        )
        down, up = rand(4, weight.shape[1], 1, 1, seed=3), rand(out, 4, 1, 1, seed=4)
        middle = {"lora_down.weight": down, "lora_mid.weight": core, "lora_up.weight": up}
        whole = torch.einsum("or,rshw,si->oihw", up.flatten(1), core, down.flatten(1))
        case("locon with a kernel between", middle, whole)
    return found


EVERY = sorted(
    (path, name) for path in (LINEAR, CONV) for name in cases(torch.zeros(64, 64, *(3, 3) * (path == CONV)))
)


@pytest.mark.parametrize(("path", "name"), EVERY)
def test_a_layer_computes_with_the_weight_of_the_formula(
    unet: Any, tmp_path: Path, path: str, name: str
) -> None:
    tensors, formula = cases(unet.get_submodule(path).weight)[name]
    layers = layers_from(unet, tmp_path, {f"{NAMES[path]}.{part}": it for part, it in tensors.items()})
    wanted = felt_with(unet, path, formula)
    bare = felt(unet, path)
    with laid_on(unet, [(layers, 1.0)]):
        ours = felt(unet, path)
    assert torch.allclose(ours, wanted, atol=1e-5 * float(wanted.abs().max()))
    assert not torch.allclose(ours, bare, atol=1e-2)
    assert torch.equal(felt(unet, path), bare)


def test_half_the_weight_is_half_of_what_is_added(unet: Any, tmp_path: Path) -> None:
    tensors, formula = cases(unet.get_submodule(LINEAR).weight)["loha with alpha"]
    layers = layers_from(unet, tmp_path, {f"{NAMES[LINEAR]}.{part}": it for part, it in tensors.items()})
    with laid_on(unet, [(layers, 0.5)]):
        ours = felt(unet, LINEAR)
    assert torch.allclose(ours, felt_with(unet, LINEAR, lambda w: (w + formula(w)) / 2), atol=1e-5)


def test_kinds_on_one_layer_are_added_in_their_order(unet: Any, tmp_path: Path) -> None:
    every = cases(unet.get_submodule(LINEAR).weight)
    pairs = []
    for number, name in enumerate(("lora with alpha", "loha", "lokr")):
        tensors = {f"{NAMES[LINEAR]}.{part}": it for part, it in every[name][0].items()}
        pairs.append((layers_from(unet, tmp_path / str(number), tensors), 1.0))

    def sum_of_all(weight: torch.Tensor) -> torch.Tensor:
        return weight + sum(every[name][1](weight) - weight for name in ("lora with alpha", "loha", "lokr"))

    wanted, bare = felt_with(unet, LINEAR, sum_of_all), felt(unet, LINEAR)
    with laid_on(unet, pairs):
        first = felt(unet, LINEAR)
    with laid_on(unet, pairs[1:]):
        felt(unet, LINEAR)
    with laid_on(unet, pairs):
        again = felt(unet, LINEAR)
    assert torch.allclose(first, wanted, atol=1e-4)
    assert torch.equal(first, again), "what was laid on before leaves no trace"
    assert torch.equal(felt(unet, LINEAR), bare)


def test_building_leaves_the_module_as_it_was(unet: Any, tmp_path: Path) -> None:
    before, names = dict(vars(unet)), [name for name, _ in unet.named_modules()]
    random = torch.get_rng_state()
    layers = layers_from(unet, tmp_path, as_peft(random_factors({"unet": unet}, convolutions=True)))
    assert [name for name, _ in unet.named_modules()] == names
    assert vars(unet).keys() == before.keys()
    assert torch.equal(torch.get_rng_state(), random), "nothing is drawn"
    assert layers.size == sum(
        tensor.nbytes
        for pair in random_factors({"unet": unet}, convolutions=True).values()
        for tensor in pair
    )
    with pytest.raises(KeyError), laid_on(unet, [(layers, 1.0)]):
        raise KeyError
    assert [name for name, _ in unet.named_modules()] == names


def test_layers_have_the_precision_of_the_module(unet: Any, tmp_path: Path) -> None:
    half = unet.to(torch.bfloat16)
    layers = layers_from(half, tmp_path, as_peft(random_factors({"unet": unet})))
    dtypes = {it.dtype for layer in layers.layers.values() for it in layer.parameters()}
    assert dtypes == {torch.bfloat16}


def test_names_of_stabilitys_own_code(tiny_xl: Path, tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel

    unet: Any = UNet2DConditionModel.from_pretrained(tiny_xl / "unet")
    factors = random_factors({"unet": unet}, convolutions=True)
    plain = read_changes(write(tmp_path / "a.safetensors", as_peft(factors)), "unet", unet)
    theirs = read_changes(write(tmp_path / "b.safetensors", as_kohya_xl(factors)), "unet", unet)
    assert plain.keys() == theirs.keys() == {path for _, path in factors}
    for path, change in plain.items():
        assert torch.equal(change.tensors["down"], theirs[path].tensors["down"]), path
    # As in the names of the original checkpoints: https://github.com/Stability-AI/generative-models
    known = {
        "down_blocks.1.attentions.0.norm": "input_blocks_4_1_norm",
        "down_blocks.0.downsamplers.0.conv": "input_blocks_3_0_op",
        "down_blocks.2.resnets.1.time_emb_proj": "input_blocks_8_0_emb_layers_1",
        "mid_block.attentions.0.proj_in": "middle_block_1_proj_in",
        "mid_block.resnets.1.conv2": "middle_block_2_out_layers_3",
        "up_blocks.0.attentions.2.proj_out": "output_blocks_2_1_proj_out",
        "up_blocks.0.upsamplers.0.conv": "output_blocks_2_2_conv",
        "up_blocks.2.resnets.0.conv_shortcut": "output_blocks_6_0_skip_connection",
        "add_embedding.linear_2": "label_emb_0_2",
    }
    found = sgm_names([*known, "up_blocks.0.attentions.0.proj_in"], 2)
    assert {path: found[path] for path in known} == known


def test_alpha_of_pefts_configuration_counts(unet: Any, tmp_path: Path) -> None:
    """diffusers keeps it in the file's metadata."""
    tensors = as_peft(
        {place: pair for place, pair in random_factors({"unet": unet}).items() if place[1] == LINEAR}
    )
    told = '{"unet.r": 4, "unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_q": 2}}'
    written = layers_from(unet, tmp_path, tensors, lora_adapter_metadata=told)
    assert written.layers[LINEAR].scaling == {"sdflow": 2 / 4}
    told = '{"unet.r": 4, "unet.lora_alpha": 8, "text_encoder.lora_alpha": 1}'
    written = layers_from(unet, tmp_path, tensors, lora_adapter_metadata=told)
    assert written.layers[LINEAR].scaling == {"sdflow": 8 / 4}


# Names and shapes of a file, and what is said of it.
BROKEN: list[tuple[dict[str, tuple[int, ...]], str]] = [
    ({"lora_unet_nowhere.lora_down.weight": (4, 8)}, "it changes `nowhere`, which the unet lacks"),
    ({f"{NAMES[LINEAR]}.lora_down.weight": (4, 64)}, r"is incomplete: for `mid.*to_q` it lacks `up`"),
    (
        {f"{NAMES[LINEAR]}.lora_down.weight": (4, 65), f"{NAMES[LINEAR]}.lora_up.weight": (64, 4)},
        r"it has \{'down': \[4, 65\], 'up': \[64, 4\]\}, and the model \[64, 64\]",
    ),
    ({f"{NAMES[LINEAR]}.diff": (64, 64)}, "holds whole weights or norms"),
    ({f"{NAMES[LINEAR]}.oft_blocks": (4, 4, 4)}, "holds OFT or BOFT, which is not read"),
    ({"model.diffusion_model.out.0.weight": (4,)}, "is no LoRA"),
]


@pytest.mark.parametrize(("shapes", "said"), BROKEN)
def test_what_does_not_fit_is_refused(
    unet: Any, tmp_path: Path, shapes: dict[str, tuple[int, ...]], said: str
) -> None:
    file = write(tmp_path / "lora.safetensors", {name: rand(*shape) for name, shape in shapes.items()})
    with pytest.raises(NodeFailedError, match=said):
        read_changes(file, "unet", unet)


def test_what_arrives_late_and_is_for_another_family_says_so(unet: Any, tmp_path: Path) -> None:
    to_k = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {f"{to_k}.lora_down.weight": rand(1, 2048), f"{to_k}.lora_up.weight": rand(64, 1)}
    with pytest.raises(NodeFailedError, match="does not fit the model") as refused:
        layers_from(unet, tmp_path, tensors)
    assert refused.value.hint == "It is a LoRA for SDXL."


def test_a_text_encoder_without_the_last_layer_passes_over_it(tiny: Path, tmp_path: Path) -> None:
    """As in Stable Diffusion 2, whose trainers write the layer that diffusers leaves out."""
    from transformers import CLIPTextModel

    encoder: Any = CLIPTextModel.from_pretrained(tiny / "text_encoder")
    factors = random_factors({"text_encoder": encoder})
    beyond = {("text_encoder", "encoder.layers.23.mlp.fc1"): (rand(4, 32), rand(64, 4))}
    file = write(tmp_path / "lora.safetensors", as_peft({**factors, **beyond}))
    assert len(read_changes(file, "text_encoder", encoder)) == len(factors)
