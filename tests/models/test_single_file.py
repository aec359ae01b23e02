"""Single files: recognised from their keys, and loaded to the very weights of the folders that they were made of."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
import safetensors
import torch

from sdflow.models.load import load_component
from sdflow.models.refused import ModelError
from sdflow.models.request import ModelRequest
from sdflow.models.tiny import write_tiny
from tests.models.conftest import LAYOUTS, Resolve
from tests.models.single_file import (
    UNET,
    VAE,
    assert_same_weights,
    checkpoint,
    published_tensors,
    states,
    unread,
    write,
    write_holes,
)


@pytest.mark.parametrize("ending", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_file_is_the_model_of_its_folder(
    resolve: Resolve, tmp_path: Path, folders: Mapping[str, Path], name: str, ending: str
) -> None:
    folder = folders[name]
    write(checkpoint(folder), tmp_path / f"file{ending}")
    of_folder = resolve(str(folder))
    of_file = resolve(ModelRequest(f"./file{ending}", config=str(folder)))
    assert (of_file.family, of_file.native_size, of_file.traits, of_file.space) == (
        of_folder.family,
        of_folder.native_size,
        of_folder.traits,
        of_folder.space,
    )
    assert of_file.components.keys() == of_folder.components.keys()
    for role, part in of_folder.components.items():
        assert of_file.components[role].config == part.config
        assert of_file.components[role].parameters == part.parameters
    before, after = states(of_folder), states(of_file)
    for role, state in before.items():
        assert_same_weights(after[role], state)


def test_a_distilled_unet_keeps_its_guidance(resolve: Resolve, tmp_path: Path) -> None:
    folder = tmp_path / "lcm"
    write_tiny(folder, time_cond_proj_dim=32)
    names = checkpoint(folder)
    assert f"{UNET}time_embed.cond_proj.weight" in names
    write(names, tmp_path / "lcm.safetensors")
    before = states(resolve(str(folder)))
    after = states(resolve(ModelRequest("./lcm.safetensors", config=str(folder))))
    assert "time_embedding.cond_proj.weight" in after["unet"]
    assert_same_weights(after["unet"], before["unet"])


@pytest.mark.parametrize("stray", ["lora_te_x.lora_down.weight", "clip_l", "lora_unet_mid.hada_w1_a"])
def test_a_stray_tensor_makes_no_adapter_of_a_checkpoint(
    resolve: Resolve, tmp_path: Path, tiny: Path, stray: str
) -> None:
    write(checkpoint(tiny) | {stray: torch.zeros(2)}, tmp_path / "file.safetensors")
    model = resolve(ModelRequest("./file.safetensors", config=str(tiny)))
    assert {"unet", "vae", "text_encoder"} <= model.components.keys()


# What diffusers makes of the same file.


@pytest.mark.parametrize("name", LAYOUTS)
def test_diffusers_loads_the_same_weights(
    resolve: Resolve, tmp_path: Path, folders: Mapping[str, Path], name: str
) -> None:
    import diffusers

    class_name = {"sdxl": "StableDiffusionXLPipeline", "sdxl-refiner": "StableDiffusionXLImg2ImgPipeline"}
    folder = folders[name]
    file = write(checkpoint(folder), tmp_path / "file.safetensors")
    built = getattr(diffusers, class_name.get(name, "StableDiffusionPipeline"))
    theirs = built.from_single_file(str(file), config=str(folder), local_files_only=True)
    ours = states(resolve(ModelRequest("./file.safetensors", config=str(folder))))
    for role, state in ours.items():
        assert_same_weights(state, getattr(theirs, role).state_dict())


# Precision.


def test_a_precision_for_each_component(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    write(checkpoint(tiny), tmp_path / "file.safetensors")
    request = ModelRequest(
        "./file.safetensors",
        config=str(tiny),
        dtype={"default": "float16", "vae": "float32", "unet": "bfloat16"},
    )
    model = resolve(request)
    dtypes = {role: part.dtype for role, part in model.components.items() if part.dtype}
    assert dtypes == {"text_encoder": "float16", "unet": "bfloat16", "vae": "float32"}
    for role, dtype in dtypes.items():
        module, _ = load_component(model.components[role], "cpu")
        assert module.dtype == getattr(torch, dtype)
    whole = resolve(ModelRequest("./file.safetensors", config=str(tiny), dtype="float32"))
    digests = {role: part.digest for role, part in model.components.items()}
    assert {role for role, part in whole.components.items() if part.digest != digests[role]} == {
        "unet",
        "text_encoder",
    }


def test_a_precision_for_what_is_not_there(resolve: Resolve, tiny: Path) -> None:
    with pytest.raises(ModelError, match="no text encoder 2 to give a precision to") as caught:
        resolve(ModelRequest(str(tiny), dtype={"text_encoder_2": "float16"}))
    assert caught.value.findings[0].field == ("dtype", "text_encoder_2")


@pytest.mark.parametrize("stored", [torch.float16, torch.float8_e4m3fn, torch.float64])
def test_weights_stored_in_another_precision(
    resolve: Resolve, tiny: Path, tmp_path: Path, stored: torch.dtype
) -> None:
    halved = {
        name: it.to(stored) if it.is_floating_point() and it.ndim else it
        for name, it in checkpoint(tiny).items()
    }
    write(halved, tmp_path / "file.safetensors")
    part = resolve(ModelRequest("./file.safetensors", config=str(tiny))).components["unet"]
    module, _ = load_component(part, "cpu")
    theirs, _ = load_component(resolve(str(tiny)).components["unet"], "cpu")
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor.to(stored).float())
    assert part.parameters == sum(it.numel() for it in theirs.parameters())


# Reading only what is needed.


@contextmanager
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Bytes of each tensor that safetensors is asked for."""
    read: dict[str, int] = {}
    real = safetensors.safe_open

    class Counted:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.opened: Any = real(*args, **kwargs)

        def __enter__(self) -> Self:
            self.inside: Any = self.opened.__enter__()
            return self

        def __exit__(self, *error: object) -> None:
            self.opened.__exit__(*error)

        def keys(self) -> list[str]:
            return list(self.inside.keys())

        def get_tensor(self, name: str) -> torch.Tensor:
            tensor: torch.Tensor = self.inside.get_tensor(name)
            read[name] = tensor.nbytes
            return tensor

    with monkeypatch.context() as patch:
        patch.setattr(safetensors, "safe_open", Counted)
        yield read


@pytest.mark.parametrize("role", ["text_encoder", "unet", "vae"])
def test_a_component_reads_its_own_tensors_alone(
    resolve: Resolve, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    prefix = {"text_encoder": "cond_stage_model.", "unet": UNET, "vae": VAE}[role]
    write(checkpoint(tiny), tmp_path / "file.safetensors")
    part = resolve(ModelRequest("./file.safetensors", config=str(tiny))).components[role]
    with bytes_read(monkeypatch) as read:
        load_component(part, "cpu")
    assert read
    assert all(name.startswith(prefix) for name in read)


def test_a_checkpoint_needs_nothing_but_itself(resolve: Resolve, tmp_path: Path) -> None:
    """No configuration, tokenizer or vocabulary is looked for beside it, in the hub's cache or on the network."""
    write_holes(published_tensors("sd1"), tmp_path / "file.safetensors")
    model = resolve("./file.safetensors", memo=unread)
    tokenizer, _ = load_component(model.components["tokenizer"], "cpu")
    assert tokenizer("a photograph of an astronaut").input_ids == [49406, 320, 8853, 539, 550, 18376, 49407]
    assert (model.family, model.native_size) == ("sd1", (512, 512))


def test_the_padding_of_each_family_s_tokenizer(resolve: Resolve, tmp_path: Path) -> None:
    """CLIP fills a prompt up with its last word, OpenCLIP with "!", whose number is 0."""
    write_holes(published_tensors("sdxl"), tmp_path / "file.safetensors")
    model = resolve("./file.safetensors", memo=unread)
    rows = {}
    for role in ("tokenizer", "tokenizer_2"):
        tokenizer, _ = load_component(model.components[role], "cpu")
        rows[role] = tokenizer("fox", padding="max_length", max_length=6).input_ids
    assert rows == {
        "tokenizer": [49406, 3240, 49407, 49407, 49407, 49407],
        "tokenizer_2": [49406, 3240, 49407, 0, 0, 0],
    }
    assert model.components["tokenizer"].digest != model.components["tokenizer_2"].digest


def test_the_file_may_lie_in_a_folder_with_others(resolve: Resolve, tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "models").mkdir()
    write(checkpoint(tiny), tmp_path / "models/one.safetensors")
    shutil.copy(tmp_path / "models/one.safetensors", tmp_path / "models/two.safetensors")
    model = resolve(ModelRequest("./models", file="two.safetensors", config=str(tiny)))
    assert [file.name for file in model.components["unet"].files] == ["two.safetensors"]
    with pytest.raises(ModelError, match="a folder of single files") as caught:
        resolve("./models")
    assert "Name the file: `one.safetensors`" in str(caught.value.problems[0].hint)
