"""The configurations of single files: those that were published, found from names and shapes alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.original_names import prefixed, unet
from sdflow.models.checkpoint.convert import converted
from sdflow.models.checkpoint.published import FAMILIES, family
from sdflow.models.checkpoint.recognise import read_checkpoint
from sdflow.models.config import cleaned
from sdflow.models.load import _on_meta
from sdflow.models.one_file import OneFile
from sdflow.models.refused import ModelError
from sdflow.models.request import ModelRequest, PartRequest
from sdflow.models.state_dict import fit_keys
from sdflow.models.tree import FolderTree
from sdflow.values import Component
from tests.models.conftest import Resolve
from tests.models.single_file import (
    UNET,
    checkpoint,
    classes_of,
    cleaned_config,
    published_tensors,
    unread,
    write,
    write_holes,
)

REAL = sorted(path.stem for path in FAMILIES.glob("*.json"))
AMBIGUOUS = {"sd2": "v_prediction", "sd2-base": "epsilon"}


@pytest.mark.parametrize("name", REAL)
def test_real_sizes_get_the_published_configuration(
    resolve: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tensors = published_tensors(name)
    write_holes(tensors, tmp_path / "file.safetensors")
    monkeypatch.setattr("sdflow.models.resolve.misfits", lambda _: ())  # what is run is told elsewhere
    model = resolve(ModelRequest("./file.safetensors", prediction_type=AMBIGUOUS.get(name)), memo=unread)
    configs = family(name)
    for role, part in model.components.items():
        if role.startswith("tokenizer"):
            assert part.config == configs[role]
            continue
        expected = cleaned_config(name, role)
        if role == "scheduler" and name in AMBIGUOUS:
            expected["prediction_type"] = AMBIGUOUS[name]
        assert part.config == expected
    for role, library, class_name in classes_of(name):
        part = model.components[role]
        assert (part.library, part.class_name) == (library, class_name)
        _assert_all_names_are_known(part, tensors)
    assert model.native_size == tuple([_native(configs)] * 2)


def _native(configs: Mapping[str, Any]) -> int:
    factor = 2 ** (len(configs["vae"]["block_out_channels"]) - 1)
    return int(configs["unet"]["sample_size"] * factor)


def _assert_all_names_are_known(part: Component, tensors: Mapping[str, torch.Tensor]) -> None:
    """After conversion, every name and shape of the module is there, and nothing else."""
    module = _on_meta(part)
    inside = {name.removeprefix(part.part): it for name, it in tensors.items() if name.startswith(part.part)}
    stored = fit_keys(module, converted(part, module.config, inside))
    shapes = {name: it.shape for name, it in stored.items()}
    assert shapes == {name: it.shape for name, it in module.state_dict().items()}
    assert part.parameters == sum(it.numel() for it in module.state_dict().values())


# What the UNet predicts.


@pytest.fixture
def sd2_holes(tmp_path: Path) -> dict[str, torch.Tensor]:
    tensors = published_tensors("sd2")
    write_holes(tensors, tmp_path / "file.safetensors")
    return tensors


def test_what_a_unet_of_2_predicts_is_asked_for(resolve: Resolve, sd2_holes: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ModelError, match="does not tell what its UNet predicts") as caught:
        resolve("./file.safetensors", memo=unread)
    assert caught.value.findings[0].field == ("prediction_type",)
    velocity = resolve(ModelRequest("./file.safetensors", prediction_type="v_prediction"), memo=unread)
    noise = resolve(ModelRequest("./file.safetensors", prediction_type="epsilon"), memo=unread)
    assert (velocity.native_size, noise.native_size) == ((768, 768), (512, 512))
    told = [it.components["scheduler"].config["prediction_type"] for it in (velocity, noise)]
    assert told == ["v_prediction", "epsilon"]
    own = {"scheduler": PartRequest("builtin:tiny")}
    assert resolve(ModelRequest("./file.safetensors", parts=own), memo=unread).native_size == (768, 768)


def test_marks_of_a_training_tell_it(
    resolve: Resolve, tmp_path: Path, sd2_holes: dict[str, torch.Tensor]
) -> None:
    marked = sd2_holes | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    write_holes(marked, tmp_path / "file.safetensors")
    scheduler = resolve("./file.safetensors", memo=unread).components["scheduler"].config
    assert (scheduler["prediction_type"], scheduler["rescale_betas_zero_snr"]) == ("v_prediction", True)


@pytest.mark.parametrize(("steps", "native"), [(875000, (512, 512)), (140000, None)])
def test_the_length_of_its_training_tells_2_base(
    resolve: Resolve,
    tmp_path: Path,
    folders: Mapping[str, Path],
    steps: int,
    native: tuple[int, int] | None,
) -> None:
    write(checkpoint(folders["sd2"]), tmp_path / "file.ckpt", global_step=steps)
    tree = FolderTree(tmp_path, unread, "`file`")
    found = read_checkpoint(OneFile(tree, "", "file.ckpt", "`file`"))
    assert found.told == (native is not None)
    assert found.family == ("sd2-base" if native else "sd2")


def test_a_prediction_type_replaces_that_of_any_scheduler(resolve: Resolve, tiny: Path) -> None:
    before = resolve(str(tiny)).components["scheduler"]
    after = resolve(ModelRequest(str(tiny), prediction_type="v_prediction")).components["scheduler"]
    assert (before.config["prediction_type"], after.config["prediction_type"]) == ("epsilon", "v_prediction")
    assert before.digest != after.digest


# Widths that no published model has, but that tell all.


def test_a_wider_unet_follows_its_own_shapes(resolve: Resolve, tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel

    config: dict[str, Any] = {
        **family("sdxl")["unet"],
        "block_out_channels": [64, 128, 192],
        "attention_head_dim": [1, 2, 3],
        "layers_per_block": 1,
        "transformer_layers_per_block": [1, 3, 2],
    }
    with torch.device("meta"):
        module = UNet2DConditionModel.from_config(config)
    rest = {name: it for name, it in published_tensors("sdxl").items() if not name.startswith(UNET)}
    write_holes(rest | prefixed(UNET, unet(dict(module.state_dict()), 1)), tmp_path / "file.safetensors")
    found = resolve("./file.safetensors", memo=unread).components["unet"]
    assert found.config == cleaned(config)
