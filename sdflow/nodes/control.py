"""The entries of `control` on `denoise`: networks that make it follow pictures, and what is refused of them."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from sdflow.composition import Json
from sdflow.graph.node import Refusal, RunContext
from sdflow.graph.part import Given, Part
from sdflow.graph.wire import Input
from sdflow.values import FAMILIES, Component, Control, Image, ImageSpec, LatentSpec, Mask, MaskSpec, Model
from sdflow.values.control import CONTROL_ROLE

if TYPE_CHECKING:
    from sdflow.diffusion.aid import Aid

_MODES = ("openpose", "depth", "scribble", "canny", "normal", "segment", "tile", "repaint")
"""What a union of ControlNets is trained for, by its numbers."""
_SAME = {
    "hed": "scribble",
    "pidi": "scribble",
    "ted": "scribble",
    "lineart": "canny",
    "anime-lineart": "canny",
    "mlsd": "canny",
}
_RGB = 3
_RESIDUALS = 6
"""Values that a ControlNet keeps for each latent element, in widths of its first level."""
_NO_ALPHA = "load it with load-image's default, which puts it on white"

Mode = Annotated[
    Literal["openpose", "depth", "scribble", "canny", "normal", "segment", "tile", "repaint"],
    BeforeValidator(lambda name: _SAME.get(name, name) if isinstance(name, str) else name),
    WithJsonSchema({"enum": [*_MODES, *_SAME]}),
]


class ControlEntry(Part):
    """A network, and the picture that it makes a denoise follow."""

    model: Input[Control]
    """The ControlNet or T2I-Adapter, from load-controlnet."""
    image: Input[Image]
    """The picture to follow, such as edges, depth or a pose. Resized to the picture that is made, if need be."""
    mask: Input[Mask] | None = None
    """For a ControlNet that paints into pictures: white in the mask is told to it as unknown. Of the image's size."""
    weight: float = Field(1.0, ge=0, le=10)
    """How strongly it counts; 0 is not at all, as without the entry."""
    from_: float = Field(0.0, ge=0, lt=1)
    """Where it begins to count, as diffusers' control_guidance_start: a fraction of the whole schedule, also where
    start-step, end-step, from or until do a part of it alone; with strength, of the steps that are left."""
    until: float = Field(1.0, gt=0, le=1)
    """Where it ends, as diffusers' control_guidance_end; counted as from."""
    guess: bool = False
    """Guess mode: for the prompt's side alone, weaker in the finer layers, so that it works without a prompt."""
    mode: Mode | None = None
    """For a union of ControlNets, what the picture shows. hed, pidi, lineart and mlsd are understood."""

    _place: int = PrivateAttr(0)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "ControlEntry":
        if self.from_ >= self.until:
            message = "until {until} is not behind from {start}"
            raise PydanticCustomError("told", message, _told(message, until=self.until, start=self.from_))
        return self

    def at(self, place: int) -> "ControlEntry":
        """The same, knowing where in its list it stands."""
        self._place = place
        return self

    def path(self, field: str) -> tuple[str | int, ...]:
        """The path to a field of it in the node."""
        return "control", self._place, field


def _told(message: str, **values: float) -> dict[str, Any]:
    return {"code": "SDF204", "message": message.format(**values), "hint": "", **values}


def _counting(entries: tuple[ControlEntry, ...]) -> tuple[ControlEntry, ...]:
    """Those that count: without the others the result, and so the key, is the same."""
    return tuple(entry.at(place) for place, entry in enumerate(entries) if entry.weight)


ControlEntries = Annotated[tuple[ControlEntry, ...], AfterValidator(_counting)]


def refuse_control(
    entries: Sequence[Given[ControlEntry]], model: Model, latent: LatentSpec, evaluations: int
) -> None:
    """Refuse networks and pictures that do not fit the model, the latent or each other.

    `evaluations` are those of the whole run, in which fractions count.

    Raises:
        Refusal: there is such a one.
    """
    for entry in entries:
        control = entry.input("model", Control)
        _refuse_other_family(entry.part, control, model)
        _refuse_mode(entry.part, control)
        _refuse_picture(entry, control, latent)
        part = entry.part
        if not any(
            number / evaluations >= part.from_ and (number + 1) / evaluations <= part.until
            for number in range(evaluations)
        ):
            message = f"of {evaluations} evaluations none lies between {part.from_} and {part.until}"
            raise Refusal(message, field=part.path("until"), code="SDF214")


def _refuse_other_family(entry: ControlEntry, control: Control, model: Model) -> None:
    unet = model.components["unet"]
    ours = FAMILIES.get(model.family, "another model")
    net = control.net
    if control.is_adapter:
        if not _adapter_fits(net.config, unet.config):
            message = f"this T2I-Adapter is for another model than {ours}: its features have other widths"
            raise Refusal(message, field=entry.path("model"), code="SDF424")
        return
    if _form(net.config) != _form(unet.config):
        message = f"this ControlNet is for {_family(net.config)}, the model is {ours}"
        raise Refusal(message, field=entry.path("model"), code="SDF424")
    for name, wanted, what in (("in_channels", 4, "latents"), ("conditioning_channels", _RGB, "pictures")):
        channels = net.config.get(name, wanted)
        if channels != wanted:
            message = f"this ControlNet takes {what} of {channels} channels, and they have {wanted}"
            raise Refusal(message, field=entry.path("model"), code="SDF424")
    if net.dtype != unet.dtype:
        message = f"the UNet is in {unet.dtype} and this ControlNet in {net.dtype}"
        hint = "give both the same dtype"
        raise Refusal(message, field=entry.path("model"), code="SDF424", hint=hint)


def _form(config: Mapping[str, Json]) -> tuple[Json, ...]:
    """What a ControlNet has in common with the UNets that it is for."""
    width = config.get("cross_attention_dim", 1280)
    return (
        width[0] if isinstance(width, list) and width else width,
        config.get("block_out_channels", [320, 640, 1280, 1280]),
        config.get("layers_per_block", 2),
        config.get("addition_embed_type"),
    )


def _family(config: Mapping[str, Json]) -> str:
    width, widths, *_ = _form(config)
    known = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
    name = known.get(width) if isinstance(width, int) else None
    return FAMILIES[name] if name else f"a UNet that takes text of width {width} and has levels {widths}"


def _adapter_fits(adapter: Mapping[str, Json], unet: Mapping[str, Json]) -> bool:
    """Whether the features have the widths of the UNet's blocks."""
    widths, own = unet.get("block_out_channels"), adapter.get("channels", [320, 640, 1280, 1280])
    if not isinstance(widths, list) or not isinstance(own, list):
        return False
    if adapter.get("adapter_type") == "full_adapter_xl":
        return own == [*widths, widths[-1]]
    if adapter.get("adapter_type") == "light_adapter":  # its last two levels are alike
        return [*own, *own[-1:]] == widths
    return own in (widths, widths[:-1]) and len(widths) > _RGB


def _refuse_mode(entry: ControlEntry, control: Control) -> None:
    if not control.is_union:
        if entry.mode is not None:
            message = "this network is no union of ControlNets, and has no modes"
            raise Refusal(message, field=entry.path("mode"), code="SDF425", hint="leave mode out")
        if control.is_adapter:
            for field, given in (("guess", entry.guess), ("mask", entry.mask is not None)):
                if given:
                    message = f"{field} is for ControlNets, and this is a T2I-Adapter"
                    raise Refusal(message, field=entry.path(field), code="SDF214")
        return
    kinds = control.net.config.get("num_control_type", 6)
    modes = _MODES[:kinds] if isinstance(kinds, int) else _MODES
    if entry.mode is None:
        hint = "one of " + ", ".join(modes)
        message = "a union of ControlNets has to be told what the picture shows"
        raise Refusal(f"{message}: mode is missing", field=entry.path("model"), code="SDF425", hint=hint)
    if entry.mode not in modes:
        message = f"this union was trained for {', '.join(modes)}, not for {entry.mode}"
        raise Refusal(message, field=entry.path("mode"), code="SDF425")


def _refuse_picture(entry: Given[ControlEntry], control: Control, latent: LatentSpec) -> None:
    part, image = entry.part, entry.input("image", ImageSpec)
    mask = entry.optional("mask", MaskSpec)
    width, height = latent.width * latent.space.factor, latent.height * latent.space.factor
    if image.batch not in (1, latent.batch):
        message = f"{image.batch} pictures to follow for a batch of {latent.batch}"
        hint = "give one, or one for each item"
        raise Refusal(message, field=part.path("image"), code="SDF426", hint=hint)
    if image.channels != _RGB:
        message = "the picture to follow has an alpha channel"
        raise Refusal(message, field=part.path("image"), code="SDF426", hint=_NO_ALPHA)
    if mask is not None and not (
        (mask.width, mask.height) == (image.width, image.height) == (width, height)
        and mask.batch in (1, image.batch)
    ):
        message = f"a control with a mask needs picture and mask of {width}×{height}, one for each other"
        hint = "resize the picture with resize-image"
        raise Refusal(message, field=part.path("mask"), code="SDF426", hint=hint)
    factor = control.net.config.get("downscale_factor", 8) if control.is_adapter else 1
    if isinstance(factor, int) and (width % factor or height % factor):
        message = f"this T2I-Adapter takes sides that are multiples of {factor}, not {width}×{height}"
        raise Refusal(message, field=part.path("model"), code="SDF426")


def control_cost(
    entries: Sequence[Given[ControlEntry]], unet: Component, rows: Sequence[int], elements: int
) -> tuple[float, int]:
    """Work and activations that control adds to a denoise with so many rows in each evaluation.

    A ControlNet works in proportion to its parameters; a T2I-Adapter is evaluated once and costs next to nothing.
    """
    work, kept = 0.0, 0
    for entry in entries:
        net = entry.input("model", Control)
        first = round(entry.part.from_ * len(rows))
        last = round(entry.part.until * len(rows))
        if not net.is_adapter:
            share = net.net.parameters / max(unet.parameters, 1)
            work += elements * share * sum(rows[first:last])
        widths = unet.config.get("block_out_channels")
        width = widths[0] if isinstance(widths, list) and isinstance(widths[0], int) else 320
        size = 4 if unet.dtype == "float32" else 2
        kept = max(kept, elements * max(rows) * width * _RESIDUALS * size * min(len(entries), 2))
    return work, kept


def open_control(
    entries: Sequence[Given[ControlEntry]], ctx: RunContext, stack: ExitStack, latent: LatentSpec
) -> "list[Aid]":
    """The networks as aids of a run, resident for as long as the stack is open."""
    if not entries:
        return []
    from sdflow.diffusion.control import Use, control_aids
    from sdflow.diffusion.hints import Hint

    uses = []
    for entry in entries:
        control, part = entry.input("model", Control), entry.part
        uses.append(
            Use(
                stack.enter_context(ctx.module(control, CONTROL_ROLE)),
                Hint(entry.input("image", Image), entry.optional("mask", Mask)),
                part.weight,
                part.from_,
                part.until,
                part.guess,
                None if part.mode is None else _MODES.index(part.mode),
            )
        )
    factor = latent.space.factor
    return control_aids(uses, batch=latent.batch, width=latent.width * factor, height=latent.height * factor)
