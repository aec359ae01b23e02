"""Loading: the same modules as `from_pretrained` gives, bit for bit, out of files of many ages."""

import argparse
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file, save_file

from sdflow.composition import Json
from sdflow.models.load import load_component
from sdflow.models.pickle_header import read_pickle_header
from sdflow.models.pool import Pool
from sdflow.models.request import ModelRequest
from sdflow.models.state_dict import read_weights
from sdflow.models.tiny import write_tiny
from sdflow.problems import NodeFailedError
from sdflow.values import Component, Model
from tests.models.conftest import Resolve
from tests.models.layout import CPU, WEIGHTED
from tests.models.test_resolve import TOYBOX


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(resolve: Resolve, tiny: Path) -> Model:
    return resolve(str(tiny))


def reference(component: Component, folder: Path) -> Any:
    """The same component as the libraries load it."""
    import diffusers
    import transformers

    library = diffusers if component.library == "diffusers" else transformers
    built = getattr(library, component.class_name)
    loaded = built.from_pretrained(str(folder), local_files_only=True)
    return loaded if component.role == "tokenizer" else loaded.to(getattr(torch, component.dtype))


def outputs(role: str, module: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    with torch.no_grad():
        if role == "text_encoder":
            tokens = torch.arange(20).reshape(2, 10)
            return cast("torch.Tensor", module(tokens)[0])
        if role == "vae":
            return cast("torch.Tensor", module.decode(noise(1, 4, 8, 8))[0])
        width = module.config.cross_attention_dim
        return cast("torch.Tensor", module(noise(1, 4, 16, 16), 500, noise(1, 7, width))[0])


@pytest.mark.parametrize("role", WEIGHTED)
@pytest.mark.parametrize("source", ["tiny", "toybox"])
def test_modules_are_those_of_from_pretrained(resolve: Resolve, tiny: Path, role: str, source: str) -> None:
    folder = {"tiny": tiny, "toybox": TOYBOX}[source]
    if not folder.is_dir():
        pytest.skip("the trained prototype is not on this machine")
    component = resolve(str(folder)).components[role]
    module, size = load_component(component, "cpu")
    theirs = reference(component, folder / role)
    ours_state, their_state = module.state_dict(), theirs.state_dict()
    assert ours_state.keys() == their_state.keys()
    assert all(torch.equal(ours_state[name], their_state[name]) for name in their_state)
    assert torch.allclose(outputs(role, module), outputs(role, theirs), rtol=0, atol=1e-5)
    for parameter in theirs.parameters():  # theirs lie in the mapped file, as its header aligns them
        parameter.data = parameter.data.clone()
    assert torch.equal(outputs(role, module), outputs(role, theirs))
    assert type(module) is type(theirs)
    assert not module.training
    assert all(not it.requires_grad for it in module.parameters())
    assert all(it.data_ptr() % 64 == 0 and it.is_contiguous() for it in module.parameters())
    assert size >= component.bytes_as_loaded


def test_weights_do_not_stay_tied_to_their_file(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "copy")
    module, _ = load_component(resolve("./copy").components["vae"], "cpu")
    before = outputs("vae", module)
    file = tmp_path / "copy/vae/diffusion_pytorch_model.safetensors"
    with file.open("r+b") as stream:
        stream.write(bytes(file.stat().st_size))
    assert torch.equal(outputs("vae", module), before)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_dtypes_round_as_torch_rounds(resolve: Resolve, tiny: Path, dtype: str) -> None:
    component = resolve(ModelRequest(str(tiny), dtype=dtype)).components["unet"]  # type: ignore[arg-type]  # a literal
    module, size = load_component(component, "cpu")
    theirs = reference(component, tiny / "unet")
    assert module.dtype == getattr(torch, dtype)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor)
    assert size == component.bytes_as_loaded


def test_the_tokenizer(model: Model, tiny: Path) -> None:
    ours, _ = load_component(model.components["tokenizer"], "cpu")
    theirs = reference(model.components["tokenizer"], tiny / "tokenizer")
    text = "a photograph of an astronaut, (riding) a horse!"
    assert ours(text).input_ids == theirs(text).input_ids
    assert len(ours(text).input_ids) > 5


Rename = Callable[[str], str]


def rewritten(
    folder: Path, role: str, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]
) -> None:
    (file,) = (folder / role).glob("*.safetensors")
    save_file(change(load_file(file)), file)


def _old_attention(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    out = {}
    for name, tensor in state.items():
        for new, old in names.items():
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")  # noqa: PLW2901
        out[name] = tensor
    return out


def _other_prefix(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if any(name.startswith("text_model.") for name in state):
        return {name.removeprefix("text_model."): tensor for name, tensor in state.items()}
    return {f"text_model.{name}": tensor for name, tensor in state.items()}


def _whole_clip(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    text = {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in state.items()}
    return {
        **text,
        "text_model.embeddings.position_ids": torch.arange(77)[None],
        "vision_model.embeddings.class_embedding": torch.zeros(4),
        "logit_scale": torch.zeros(()),
        "text_projection.weight": torch.zeros(4, 4),
        "visual_projection.weight": torch.zeros(4, 4),
    }


@pytest.mark.parametrize(
    ("role", "change"),
    [("vae", _old_attention), ("text_encoder", _other_prefix), ("text_encoder", _whole_clip)],
)
def test_files_of_other_ages(
    resolve: Resolve,
    tiny: Path,
    tmp_path: Path,
    role: str,
    change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
) -> None:
    folder = tmp_path / "old"
    shutil.copytree(tiny, folder)
    (file,) = (folder / role).glob("*.safetensors")
    names = load_file(file).keys()
    rewritten(folder, role, change)
    assert load_file(file).keys() != names
    ours, _ = load_component(resolve("./old").components[role], "cpu")
    now, _ = load_component(resolve(str(tiny)).components[role], "cpu")
    assert torch.equal(outputs(role, ours), outputs(role, now))


def test_shards(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sharded"
    shutil.copytree(tiny, folder)
    file = folder / "unet/diffusion_pytorch_model.safetensors"
    state = load_file(file)
    file.unlink()
    weight_map: dict[str, str] = {}
    for number in (0, 1):
        name = f"diffusion_pytorch_model-0000{number + 1}-of-00002.safetensors"
        part = {key: state[key] for key in list(state)[number::2]}
        save_file(part, folder / "unet" / name)
        weight_map |= dict.fromkeys(part, name)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    ours, _ = load_component(resolve("./sharded").components["unet"], "cpu")
    assert all(torch.equal(tensor, state[name]) for name, tensor in ours.state_dict().items())


def test_pickled_weights(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(tiny, folder)
    file = folder / "vae/diffusion_pytorch_model.safetensors"
    torch.save(load_file(file), file.with_suffix(".bin"))
    file.unlink()
    ours, _ = load_component(resolve("./pickled").components["vae"], "cpu")
    now, _ = load_component(resolve(str(tiny)).components["vae"], "cpu")
    assert torch.equal(outputs("vae", ours), outputs("vae", now))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_training_s_own_checkpoint(tmp_path: Path, zipped: bool) -> None:
    """Weights among other things, as read while planning, so loaded."""
    content = {
        "state_dict": {"a": torch.arange(4.0)},
        "arguments": argparse.Namespace(rate=1e-4),
        "epoch": torch.tensor(3),
    }
    file = tmp_path / "file.ckpt"
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    weights = read_weights([file])
    assert weights.keys() == read_pickle_header(file).keys() == {"a"}
    assert torch.equal(weights["a"], torch.arange(4.0))


class _Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_code_in_a_pickle_is_not_run(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    shutil.copytree(tiny, folder)
    (folder / "vae/diffusion_pytorch_model.safetensors").unlink()
    mark = tmp_path / "mark"
    torch.save({"weight": _Runs(mark)}, folder / "vae/diffusion_pytorch_model.bin")
    component = resolve("./evil").components["vae"]
    with pytest.raises(NodeFailedError, match="code beside weights"):
        load_component(component, "cpu")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: dict(list(state.items())[1:]), "lack `"),
        (lambda state: {**state, "more": torch.zeros(2)}, "hold `more`"),
        (lambda state: {name: tensor[..., None] for name, tensor in state.items()}, "do not fit: `"),
    ],
)
def test_weights_that_do_not_fit(
    resolve: Resolve,
    tiny: Path,
    tmp_path: Path,
    change: Callable[[Mapping[str, torch.Tensor]], dict[str, torch.Tensor]],
    words: str,
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny, folder)
    rewritten(folder, "unet", change)
    component = resolve("./broken").components["unet"]
    with pytest.raises(NodeFailedError, match=words):
        load_component(component, "cpu")


@pytest.mark.parametrize(
    ("role", "change"),
    [
        ("unet", {"down_block_types": ["NoSuchBlock"] * 4}),
        ("unet", {"attention_head_dim": 0}),
        ("vae", {"block_out_channels": []}),
        ("text_encoder", {"hidden_size": "wide"}),
        ("text_encoder", {"num_attention_heads": 3}),
        ("text_encoder", {"hidden_act": "no such"}),
    ],
)
def test_a_configuration_that_builds_nothing(model: Model, role: str, change: dict[str, Json]) -> None:
    part = model.components[role]
    broken = replace(part, config={**part.config, **change})
    with pytest.raises(NodeFailedError, match=f"no {role.replace('_', ' ')} can be built") as caught:
        load_component(broken, "cpu")
    assert "\n" not in str(caught.value)


def test_files_that_are_gone(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "gone")
    component = resolve("./gone").components["unet"]
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(NodeFailedError, match=r"unet of `./gone`"):
        load_component(component, "cpu")


def test_a_tiny_autoencoder_loads(
    resolve: Resolve,
    tiny: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from diffusers import AutoencoderTiny
    from diffusers.utils.logging import get_logger

    monkeypatch.setattr(get_logger("diffusers"), "propagate", True)

    options: dict[str, Any] = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    blocks: dict[str, Any] = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
    theirs = AutoencoderTiny(**options, **blocks).eval()
    theirs.save_pretrained(tmp_path / "pipeline/vae")
    shutil.copytree(tiny / "unet", tmp_path / "pipeline/unet")
    from sdflow.models.request import PartRequest

    request = ModelRequest(str(tiny), parts={"vae": PartRequest("./pipeline")})
    model = resolve(request)
    assert model.space.factor == 2
    ours, _ = load_component(model.components["vae"], "cpu")
    assert torch.equal(outputs("vae", ours), outputs("vae", theirs))
    assert not caplog.records, "diffusers complains about what it has written itself"


def test_the_pool_loads_a_real_model(model: Model) -> None:
    pool = Pool(CPU)
    for role in ("tokenizer", *WEIGHTED):
        with pool.use(model.components[role]) as module:
            assert module is not None
    total = sum(model.components[role].bytes_as_loaded for role in WEIGHTED)
    assert total <= pool.resident_bytes <= total + 4096
