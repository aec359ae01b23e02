"""Single files as the original releases and the community have them, made of models in diffusers' folders."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchmarks.original_names import Tensors, clip, open_clip, prefixed, unet, vae
from sdflow.models.checkpoint.published import family
from sdflow.models.config import cleaned
from sdflow.models.load import load_component
from sdflow.values import Model

UNET = "model.diffusion_model."
VAE = "first_stage_model."


def component(folder: Path, role: str) -> Tensors:
    """The weights of a component in a folder."""
    (file,) = (folder / role).glob("*.safetensors")
    return load_file(file)


def config(folder: Path, role: str) -> dict[str, Any]:
    """Its configuration."""
    read: dict[str, Any] = json.loads((folder / role / "config.json").read_text())
    return read


def original(folder: Path, role: str) -> Tensors:
    """A component under its original names, without a prefix."""
    tensors, facts = component(folder, role), config(folder, role)
    if role == "unet":
        return unet(tensors, facts["layers_per_block"])
    if role == "vae":
        return vae(tensors, len(facts["block_out_channels"]))
    if facts["hidden_act"] == "quick_gelu":
        return clip(tensors)
    return open_clip(tensors, last_layer=role == "text_encoder")


def checkpoint(folder: Path) -> Tensors:
    """All of a model under the names that the checkpoint of its family has."""
    xl = (folder / "text_encoder_2").is_dir()
    found = prefixed(UNET, original(folder, "unet")) | prefixed(VAE, original(folder, "vae"))
    for role in ("text_encoder", "text_encoder_2"):
        if not (folder / role).is_dir():
            continue
        is_clip = config(folder, role)["hidden_act"] == "quick_gelu"
        owner = "cond_stage_model"
        if xl:
            second = role == "text_encoder_2" and (folder / "text_encoder").is_dir()
            owner = f"conditioner.embedders.{int(second)}"
        found |= prefixed(f"{owner}.{'transformer' if is_clip else 'model'}.", original(folder, role))
    # What a training leaves beside the weights.
    return found | {"betas": torch.zeros(1000), "model_ema.decay": torch.tensor(0.99)}


def write(tensors: Mapping[str, torch.Tensor], file: Path, **beside: object) -> Path:
    """A safetensors file, or what `torch.save` makes, by the ending."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".safetensors":
        save_file(contiguous, file)
    else:
        torch.save({"state_dict": contiguous, **beside}, file)
    return file


# Real sizes, without the numbers: a header as long as the real one, over a file of holes.


def published_tensors(name: str) -> Tensors:
    """All tensors of a published model under their original names, on the meta device."""
    import diffusers
    import transformers

    configs = family(name)
    found: Tensors = {}
    for role, library, class_name in classes_of(name):
        facts = dict(configs[role])
        with torch.device("meta"):
            if library == "diffusers":
                module = getattr(diffusers, class_name).from_config(facts)
            else:
                built = getattr(transformers, class_name)
                module = built(built.config_class.from_dict(facts))
            found |= _published_part(name, role, dict(module.state_dict()), facts)
    return found


def classes_of(name: str) -> list[tuple[str, str, str]]:
    """Role, library and class of each component with weights of a published model."""
    found = []
    for role in ("unet", "vae", "text_encoder", "text_encoder_2"):
        entry = family(name)["model_index"].get(role)
        if isinstance(entry, list) and entry[0]:
            found.append((role, str(entry[0]), str(entry[1])))
    return found


def _published_part(name: str, role: str, tensors: Tensors, facts: Mapping[str, Any]) -> Tensors:
    if role == "unet":
        return prefixed(UNET, unet(tensors, facts["layers_per_block"]))
    if role == "vae":
        return prefixed(VAE, vae(tensors, len(facts["block_out_channels"])))
    if facts["hidden_act"] == "quick_gelu":
        owner = "conditioner.embedders.0" if name.startswith("sdxl") else "cond_stage_model"
        return prefixed(f"{owner}.transformer.", clip(tensors))
    owner = {"text_encoder": "cond_stage_model", "text_encoder_2": "conditioner.embedders.1"}[role]
    owner = owner.replace("1", "0") if name == "sdxl-refiner" else owner
    return prefixed(f"{owner}.model.", open_clip(tensors, last_layer=role == "text_encoder"))


def write_holes(tensors: Mapping[str, torch.Tensor], file: Path) -> None:
    """A safetensors file of float16 whose numbers take no space on the disk."""
    header, at = {}, 0
    for name, tensor in tensors.items():
        end = at + 2 * tensor.numel()
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + at)


def unread(_: Path) -> str:
    """A digest for files of holes, which are long to read."""
    return "sha256:0"


# What tests ask of loaded models.


def states(model: Model) -> dict[str, Tensors]:
    """The weights of all modules, loaded."""
    weighted = {role: part for role, part in model.components.items() if part.dtype}
    return {role: load_component(part, "cpu")[0].state_dict() for role, part in weighted.items()}


def assert_same_weights(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Equal names, and equal bits under each."""
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor), name


def cleaned_config(name: str, role: str) -> dict[str, Any]:
    """A published configuration as it is in a description."""
    return cleaned(dict(family(name)[role]))
