"""From the header of a file to what is in it: its components, its family, and what is known beside."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.models.checkpoint.looks_like import is_clip_vision, looks_like
from sdflow.models.checkpoint.parts import FilePart, find_parts
from sdflow.models.checkpoint.published import family, published
from sdflow.models.checkpoint.unet import UNetForm, follow, form_of_tensors
from sdflow.models.classes import SUPPORTED
from sdflow.models.one_file import OneFile
from sdflow.models.pickle_header import number_in, read_pickle
from sdflow.models.pickle_names import CodeInPickleError
from sdflow.models.pickle_tree import tensors_of
from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo

_STEPS_OF_2_BASE = 875000
"""How long Stable Diffusion 2-base was trained: what tells its checkpoint from those that predict velocities."""
_AVERAGED = "model_ema.diffusion_model"
"""How the names begin that a training keeps the mean of its UNets under: paths without their dots."""
_UNCLIP = 1024
"""Width of the text of Stable unCLIP, whose UNet has conditions as SDXL's has."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file of weights: its components by role, and of the whole what the UNet tells.

    `family` names the published configurations (`sd1`, `sd2-inpainting`, …), empty without a UNet. `scheduler` is what
    the file says of the scheduler, `told` whether that includes what the UNet predicts. `averaged` is whether the mean
    of a training's UNets (EMA) is there and no UNet.
    """

    one: OneFile
    parts: Mapping[str, FilePart]
    family: str
    form: UNetForm | None
    scheduler: Mapping[str, Json]
    told: bool
    averaged: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is a checkpoint in the layout of the releases, with or without all of its parts."""
        return any(part.prefix for part in self.parts.values())

    @property
    def unet_config(self) -> dict[str, Json] | None:
        """The configuration of its UNet, as far as that is known."""
        return follow(published(self.family, "unet"), self.form) if self.form else None


def read_checkpoint(one: OneFile, prediction_type: str | None = None) -> Checkpoint:
    """What a file holds. `prediction_type` is what the user says of its UNet.

    Raises:
        Refused: it is broken, holds code, or is something else than Stable Diffusion or a part of it.
    """
    tensors, steps = _tensors(one)
    parts = find_parts(tensors)
    unet = parts.get("unet")
    form = form_of_tensors(unet.tensors) if unet else None
    other = looks_like(tensors, has_unet=form is not None)
    if other is not None:
        what, hint = other
        raise Refused("SDF303", f"{one.label} looks like {what}", hint=hint or SUPPORTED)
    if not parts:
        raise _unknown(one, tensors)
    if unet is None:
        averaged = any(name.startswith(_AVERAGED) for name in tensors)
        return Checkpoint(one, parts, "", None, {}, told=False, averaged=averaged)
    name = _family(one, form, unet)
    scheduler = _scheduler(tensors)
    if name == "sd2" and steps == _STEPS_OF_2_BASE:
        scheduler = {**scheduler, "prediction_type": "epsilon"}
    if prediction_type is not None:
        scheduler = {**scheduler, "prediction_type": prediction_type}
    told = name != "sd2" or "prediction_type" in scheduler
    if name == "sd2" and scheduler.get("prediction_type") == "epsilon":
        name = "sd2-base"
    return Checkpoint(one, parts, name, form, scheduler, told)


def _tensors(one: OneFile) -> tuple[Mapping[str, TensorInfo], int | None]:
    """The tensors of a file, and how long its model was trained where that is told."""
    try:
        if one.suffix == ".safetensors":
            return one.header(), None
        header = read_pickle(one.outline())
        return tensors_of(header.content, TensorInfo), number_in(header, "global_step")
    except CodeInPickleError as error:
        hint = "sdflow runs no code from a file. Take one in the safetensors format."
        raise Refused("SDF316", f"{one.label} {error}", hint=hint) from error
    except BrokenHeaderError as error:
        raise Refused("SDF305", f"{one.label} {error}", hint=_what_now(str(error))) from error
    except OSError as error:
        raise Refused("SDF302", f"{one.label} cannot be read: {error.strerror}") from error


def _what_now(error: str) -> str:
    if "under another name" in error:
        return "Give it the ending that it should have."
    if "quantized" in error:
        return "Take the file with the original weights."
    if error.endswith(("a text file", "a JSON file")):
        return "Name the file with the weights: its name ends in `.safetensors` or `.ckpt`."
    return "Download the file again."


def _unknown(one: OneFile, tensors: Mapping[str, TensorInfo]) -> Refused:
    if is_clip_vision(tensors):
        return Refused("SDF303", f"{one.label} looks like a CLIP model for pictures", hint=SUPPORTED)
    if not tensors:
        return Refused("SDF305", f"{one.label} holds no tensors")
    some = ", ".join(f"`{name}`" for name in sorted(tensors)[:3])
    return Refused(
        "SDF303", f"{one.label} is nothing that sdflow knows: it holds tensors such as {some}", hint=SUPPORTED
    )


def _family(one: OneFile, form: UNetForm | None, unet: FilePart) -> str:
    """Which published configurations a UNet is nearest to."""
    if form is None:
        if any(re.search(r"\.attn2\.", name) for name in unet.tensors):
            return "sd1"  # levels that are not alike: its configuration has to be given
        raise Refused(
            "SDF303", f"{one.label} holds a UNet of a kind that sdflow does not run", hint=SUPPORTED
        )
    inputs = form.channels[0]
    if form.classes:
        return "x4-upscaler"
    if form.added and form.context == _UNCLIP:
        raise Refused("SDF303", f"{one.label} looks like a Stable unCLIP checkpoint", hint=SUPPORTED)
    if form.added:
        base = "sdxl" if len(form.widths) == len(_numbers("sdxl", "block_out_channels")) else "sdxl-refiner"
        return "sdxl-inpainting" if base == "sdxl" and inputs == 9 else base  # noqa: PLR2004
    base = "sd2" if form.linear else "sd1"
    return {9: f"{base}-inpainting", 8: "instruct-pix2pix"}.get(inputs, base)


def _numbers(name: str, entry: str) -> list[Json]:
    value = family(name)["unet"][entry]
    return value if isinstance(value, list) else []


def _scheduler(tensors: Mapping[str, TensorInfo]) -> dict[str, Json]:
    """Marks that some training programs leave: empty tensors that say how the model was trained."""
    said: dict[str, Json] = {}
    if "v_pred" in tensors:
        said["prediction_type"] = "v_prediction"
    if "ztsnr" in tensors:
        said["rescale_betas_zero_snr"] = True
    return said
