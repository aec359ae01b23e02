"""Parts of models from files of their own, and files that lack parts."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from benchmarks.original_names import prefixed
from sdflow.models.load import load_component
from sdflow.models.refused import ModelError
from sdflow.models.request import ModelRequest, PartRequest
from sdflow.values import Component
from tests.models.conftest import Resolve
from tests.models.single_file import (
    UNET,
    VAE,
    assert_same_weights,
    checkpoint,
    cleaned_config,
    component,
    original,
    published_tensors,
    unread,
    write,
    write_holes,
)

# Parts from files of their own.


def _resolve_part(resolve: Resolve, base: Path, role: str, part: PartRequest, **how: Any) -> Component:
    return resolve(ModelRequest(str(base), parts={role: part}), **how).components[role]


PARTS: dict[str, tuple[str, str, Callable[[Path], dict[str, torch.Tensor]]]] = {
    "a VAE with original names": ("sd1", "vae", lambda folder: original(folder, "vae")),
    "a VAE among a training's": (
        "sd1",
        "vae",
        lambda folder: (
            original(folder, "vae") | {"loss.logvar": torch.zeros(1), "model_ema.decay": torch.zeros(1)}
        ),
    ),
    "a VAE with diffusers' names": ("sd1", "vae", lambda folder: component(folder, "vae")),
    "a VAE in a checkpoint": ("sd1", "vae", checkpoint),
    "a UNet with original names": ("sd1", "unet", lambda folder: original(folder, "unet")),
    "a UNet with its prefix": ("sd2", "unet", lambda folder: prefixed(UNET, original(folder, "unet"))),
    "a UNet with diffusers' names": ("sdxl", "unet", lambda folder: component(folder, "unet")),
    "a UNet in a checkpoint": ("sdxl-refiner", "unet", checkpoint),
    "CLIP with its names": ("sd1", "text_encoder", lambda folder: original(folder, "text_encoder")),
    "CLIP as transformers saves it now": (
        "sd1",
        "text_encoder",
        lambda folder: {
            name.removeprefix("text_model."): it for name, it in component(folder, "text_encoder").items()
        },
    ),
    "OpenCLIP alone": ("sd2", "text_encoder", lambda folder: original(folder, "text_encoder")),
    "the second of SDXL": ("sdxl", "text_encoder_2", checkpoint),
    "the second of SDXL alone": (
        "sdxl",
        "text_encoder_2",
        lambda folder: component(folder, "text_encoder_2"),
    ),
}


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
@pytest.mark.parametrize("case", PARTS)
def test_a_part_from_a_file(
    resolve: Resolve, tmp_path: Path, folders: Mapping[str, Path], case: str, ending: str
) -> None:
    name, role, make = PARTS[case]
    folder = folders[name]
    write(make(folder), tmp_path / f"part{ending}")
    part = _resolve_part(resolve, folder, role, PartRequest(f"./part{ending}", config=str(folder)))
    module, size = load_component(part, "cpu")
    theirs, _ = load_component(resolve(str(folder)).components[role], "cpu")
    assert_same_weights(module.state_dict(), theirs.state_dict())
    assert [file.name for file in part.files] == [f"part{ending}"]
    assert part.bytes_as_loaded <= size <= part.bytes_as_loaded + 4096


def test_taesd_in_one_file(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    from diffusers import AutoencoderTiny

    theirs = AutoencoderTiny()
    save_file(theirs.state_dict(), tmp_path / "taesd.safetensors")
    part = _resolve_part(resolve, tiny, "vae", PartRequest("./taesd.safetensors"))
    assert part.class_name == "AutoencoderTiny"
    module, _ = load_component(part, "cpu")
    assert_same_weights(module.state_dict(), theirs.state_dict())
    told = {name: list(it) if isinstance(it, tuple) else it for name, it in theirs.config.items()}
    assert part.config.items() <= {**told, "_class_name": "AutoencoderTiny"}.items()


def test_a_vae_alone_is_of_the_family_that_it_is_used_in(
    resolve: Resolve, tmp_path: Path, folders: Mapping[str, Path]
) -> None:
    """The VAEs of SD and SDXL have the same tensors, and another scale."""
    tensors = {name: it for name, it in published_tensors("sd1").items() if name.startswith(VAE)}
    write_holes({name.removeprefix(VAE): it for name, it in tensors.items()}, tmp_path / "vae.safetensors")
    for name, published in (("sd1", "sd1"), ("sd2", "sd1"), ("sdxl", "sdxl"), ("sdxl-refiner", "sdxl")):
        part = _resolve_part(resolve, folders[name], "vae", PartRequest("./vae.safetensors"), memo=unread)
        assert part.config == cleaned_config(published, "vae"), name


# What is missing, and what a file does not tell.


WITHOUT = {
    "vae": (VAE, "holds no VAE", "Give one: `vae: SOURCE`"),
    "text_encoder": ("cond_stage_model.", "holds no text encoder", "Give one: `text-encoder: SOURCE`"),
    "unet": (UNET, "holds no UNet", "Give one: `unet: SOURCE`"),
}


@pytest.mark.parametrize("role", WITHOUT)
def test_a_missing_part_is_named_with_its_field(
    resolve: Resolve, tmp_path: Path, folders: Mapping[str, Path], role: str
) -> None:
    prefix, words, hint = WITHOUT[role]
    folder = folders["sd1"]
    kept = {name: it for name, it in checkpoint(folder).items() if not name.startswith(prefix)}
    write(kept, tmp_path / "file.safetensors")
    request = ModelRequest("./file.safetensors", config=str(folder))
    with pytest.raises(ModelError, match=words) as caught:
        resolve(request)
    assert [(problem.code, problem.hint) for problem in caught.value.problems] == [("SDF306", f"{hint}.")]
    given = ModelRequest("./file.safetensors", config=str(folder), parts={role: PartRequest(str(folder))})
    assert resolve(given).components.keys() == resolve(str(folder)).components.keys()


def test_a_form_that_shapes_do_not_tell_needs_a_configuration(
    resolve: Resolve, tmp_path: Path, folders: Mapping[str, Path]
) -> None:
    write(checkpoint(folders["sd1"]), tmp_path / "file.safetensors")
    with pytest.raises(ModelError) as caught:
        resolve("./file.safetensors")
    assert {problem.code for problem in caught.value.problems} == {"SDF320"}
    assert len(caught.value.problems) == 3
    assert {found.field for found in caught.value.findings} == {("config",)}


def test_a_configuration_of_another_model_is_refused(
    resolve: Resolve, tmp_path: Path, folders: Mapping[str, Path]
) -> None:
    write(checkpoint(folders["sd1"]), tmp_path / "file.safetensors")
    with pytest.raises(ModelError, match="the unet in the file has another form") as caught:
        resolve(ModelRequest("./file.safetensors", config=str(folders["sd2"])))
    assert {found.field for found in caught.value.findings} == {("config",)}


@pytest.mark.parametrize(
    ("request_", "code", "field", "words"),
    [
        (ModelRequest("./file.safetensors", variant="fp16"), "SDF307", "variant", "no variants"),
        (ModelRequest("builtin:tiny", config="./x"), "SDF214", "config", "only a single file"),
        (
            ModelRequest("./file.safetensors", config="./file.safetensors"),
            "SDF304",
            "config",
            "no configuration",
        ),
        (ModelRequest("./file.safetensors", config="./nowhere"), "SDF302", "config", "no folder"),
    ],
    ids=["variant", "config of a folder", "config in a file", "config nowhere"],
)
def test_fields_that_do_not_go_with_a_file(
    resolve: Resolve,
    tmp_path: Path,
    folders: Mapping[str, Path],
    request_: ModelRequest,
    code: str,
    field: str,
    words: str,
) -> None:
    write(checkpoint(folders["sd1"]), tmp_path / "file.safetensors")
    with pytest.raises(ModelError, match=words) as caught:
        resolve(request_)
    assert [problem.code for problem in caught.value.problems] == [code]
    assert caught.value.findings[0].field == (field,)


# TAESD as its author gives it: two files without a configuration.


def _halves(folder: Path, ending: str, name: str = "taesd") -> dict[str, torch.Tensor]:
    """Both files, and the state of the module of diffusers that they are."""
    from diffusers import AutoencoderTiny

    state: dict[str, torch.Tensor] = AutoencoderTiny().state_dict()
    for half, shift in (("encoder", 0), ("decoder", 1)):
        numbered = {name.split(".", 2)[2]: it for name, it in state.items() if name.startswith(half)}
        renamed = {
            f"{int(name.partition('.')[0]) + shift}.{name.partition('.')[2]}": it
            for name, it in numbered.items()
        }
        file = folder / f"{name}_{half}{ending}"
        folder.mkdir(exist_ok=True)
        save_file(renamed, file) if ending == ".safetensors" else torch.save(renamed, file)
    return state


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_taesd_in_two_files(resolve: Resolve, tiny: Path, tmp_path: Path, ending: str) -> None:
    state = _halves(tmp_path / "taesd", ending)
    part = _resolve_part(resolve, tiny, "vae", PartRequest("./taesd"))
    module, size = load_component(part, "cpu")
    assert_same_weights(module.state_dict(), state)
    assert (part.parameters, part.bytes_as_loaded) == (sum(it.numel() for it in state.values()), size)
    other = _halves(tmp_path / "other", ending)
    assert not all(torch.equal(other[name], it) for name, it in state.items())
    assert _resolve_part(resolve, tiny, "vae", PartRequest("./other")).digest != part.digest


def test_halves_of_taesd(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    _halves(tmp_path / "taesd", ".pth")
    (tmp_path / "taesd/taesd_encoder.pth").rename(tmp_path / "encoder.pth")
    with pytest.raises(ModelError, match=r"has no `taesd_encoder` beside `taesd_decoder\.pth`"):
        _resolve_part(resolve, tiny, "vae", PartRequest("./taesd"))
    with pytest.raises(ModelError, match="one half of TAESD"):
        _resolve_part(resolve, tiny, "vae", PartRequest("./encoder.pth"))
    (tmp_path / "encoder.pth").rename(tmp_path / "taesd/taesd_encoder.pth")
    _halves(tmp_path / "taesd", ".pth", "taesdxl")
    with pytest.raises(ModelError, match="of SD and of SDXL"):
        _resolve_part(resolve, tiny, "vae", PartRequest("./taesd"))
