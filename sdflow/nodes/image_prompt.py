"""`image-prompt` of denoise: pictures shown to the model through IP-Adapters."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, PrivateAttr

from sdflow.graph.node import Refusal, RunContext
from sdflow.graph.part import Given, Part
from sdflow.graph.wire import Input
from sdflow.problems import nearest
from sdflow.values import (
    FAMILIES,
    ImagePrompt,
    ImagePromptSpec,
    IpAdapter,
    Latent,
    LatentSpec,
    Mask,
    MaskSpec,
    Model,
)

if TYPE_CHECKING:
    from sdflow.diffusion.image_prompt import PicturePrompts

Blocks: TypeAlias = Literal["style", "layout", "style-and-layout"]
_STYLE, _LAYOUT = "up_blocks.0.attentions.1", "down_blocks.2.attentions.1"
_NAMED: Mapping[Blocks, tuple[str, ...]] = {
    "style": (_STYLE,),
    "layout": (_LAYOUT,),
    "style-and-layout": (_STYLE, _LAYOUT),
}
"""Blocks of SDXL's UNet that InstantStyle (arXiv:2404.02733) found to draw these."""

_Path: TypeAlias = "tuple[str | int, ...]"
_MOST = 10
_OTHER_PROPORTIONS = 0.03
_BY_CONTEXT = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}


class ShownPictures(Part):
    """Pictures that the model is shown through one IP-Adapter."""

    adapter: Input[IpAdapter]
    """The IP-Adapter, from load-ip-adapter."""
    image: Input[ImagePrompt]
    """What it shows, from encode-image-prompt."""
    weight: float = Field(1.0, ge=-_MOST, le=_MOST)
    """How strongly the pictures count beside the prompt: 0 is not at all, 0.5 to 0.8 leave room for the prompt."""
    mask: Input[Mask] | None = None
    """Where they count: in what is white in it, from the middle grey on. Resized to the picture."""
    blocks: Blocks | dict[str, float] | None = None
    """Where in the UNet they count: for SDXL style, layout or style-and-layout (InstantStyle). Or a mapping from parts
    of the UNet to factors, such as {up_blocks.0.attentions.1: 1.0}; parts that are not named do not count."""
    from_: float = Field(0.0, ge=0, lt=1)
    """From which fraction of the steps on they count; the steps are those that control counts in."""
    until: float = Field(1.0, gt=0, le=1)
    """Until which fraction of the steps they count."""

    _place: int = PrivateAttr(0)

    def at(self, place: int) -> "ShownPictures":
        """The same, knowing where in its list it stands."""
        self._place = place
        return self

    def path(self, field: str) -> _Path:
        """The path to a field of it in the node."""
        return "image_prompt", self._place, field

    def factors(self) -> Mapping[str, float]:
        """Factors by parts of the UNet; none where all of it counts."""
        if self.blocks is None or isinstance(self.blocks, dict):
            return self.blocks or {}
        return dict.fromkeys(_NAMED[self.blocks], 1.0)


def _that_count(pictures: tuple[ShownPictures, ...]) -> tuple[ShownPictures, ...]:
    """Weight 0 is no picture at all: it changes no key, and its adapter is not loaded."""
    return tuple(it.at(place) for place, it in enumerate(pictures) if it.weight)


ImagePrompts: TypeAlias = Annotated[tuple[ShownPictures, ...], AfterValidator(_that_count)]


def refuse_image_prompts(
    model: Model, shown: Sequence[Given[ShownPictures]], latent: LatentSpec, *, windowed: bool
) -> None:
    """Refuse pictures that this model cannot be shown; `windowed` where it sees the latent through windows.

    Raises:
        Refusal: an adapter for another UNet, pictures encoded for another one, a mask or blocks that do not fit.
    """
    for given in shown:
        part, adapter = given.part, given.input("adapter", IpAdapter)
        _refuse_adapter(model, adapter, part.path("adapter"))
        _refuse_features(adapter, given.input("image", ImagePromptSpec), part.path("image"))
        _refuse_blocks(model, part, part.path("blocks"))
        mask = given.optional("mask", MaskSpec)
        if mask is not None and windowed:
            message = "a mask is made for the whole picture, and the model is shown windows of it"
            hint = "leave out windows or the mask"
            raise Refusal(message, field=part.path("mask"), code="SDF446", hint=hint)
        if mask is not None:
            _refuse_mask(mask, model, latent, part.path("mask"))
        if part.from_ >= part.until:
            raise Refusal("they count from a later step on than until", field=part.path("from_"))


def picture_prompts(
    ctx: RunContext,
    stack: ExitStack,
    model: Model,
    shown: Sequence[Given[ShownPictures]],
    latent: Latent,
) -> Iterator["PicturePrompts"]:
    """All of them as one aid of the denoising loop, or nothing. Adapters stay while the stack is open."""
    if not shown:
        return
    from sdflow.diffusion.image_prompt import PicturePrompt, PicturePrompts

    batch, _, height, width = latent.samples.shape
    factor = model.space.factor
    yield PicturePrompts(
        [
            PicturePrompt(
                adapter=stack.enter_context(ctx.module(given.input("adapter", IpAdapter), "ip_adapter")),
                pictures=given.input("image", ImagePrompt),
                weight=given.part.weight,
                blocks=given.part.factors(),
                mask=given.optional("mask", Mask),
                start=given.part.from_,
                end=given.part.until,
            )
            for given in shown
        ],
        batch=batch,
        height=height * factor,
        width=width * factor,
    )


def _refuse_adapter(model: Model, adapter: IpAdapter, path: _Path) -> None:
    from sdflow.models.cross_attention import cross_attentions

    unet, theirs = model.components["unet"], adapter.components["ip_adapter"]
    takes = unet.config.get("cross_attention_dim", 1280)
    layers = [layer.width for layer in cross_attentions(unet.config)]
    context = theirs.config["context"]
    if context != takes or theirs.config["layers"] != layers:
        family = FAMILIES.get(_BY_CONTEXT.get(context, "")) if isinstance(context, int) else None
        ours = FAMILIES.get(model.family, "of another kind")
        message = f"this IP-Adapter is for a UNet of {_shape(theirs.config['layers'], context)}"
        message += f", and the model's is one of {_shape(layers, takes)}"
        if family and family != ours:
            message = f"this IP-Adapter is for {family}, and the model is {ours}"
        raise Refusal(message, field=path, code="SDF359")
    if theirs.dtype != unet.dtype:
        message = f"the IP-Adapter is {theirs.dtype} and the model's UNet {unet.dtype}"
        raise Refusal(
            message, field=path, code="SDF359", hint=f"write dtype: {unet.dtype} in its load-ip-adapter node"
        )


def _shape(layers: object, context: object) -> str:
    count = len(layers) if isinstance(layers, list) else 0
    return f"{count} cross-attentions for text {context} wide"


def _refuse_features(adapter: IpAdapter, image: ImagePromptSpec, path: _Path) -> None:
    if (image.features, image.width) != (adapter.features, adapter.width):
        message = (
            f"the pictures are encoded as {image.features} {image.width} wide, "
            f"and the IP-Adapter takes {adapter.features} {adapter.width} wide"
        )
        hint = "give encode-image-prompt the same adapter"
        raise Refusal(message, field=path, code="SDF431", hint=hint)


def _refuse_blocks(model: Model, part: ShownPictures, path: _Path) -> None:
    from sdflow.models.cross_attention import cross_attentions

    if part.blocks is None:
        return
    if isinstance(part.blocks, str):
        if model.family != "sdxl":
            hint = "give a mapping from parts of the UNet to factors, such as {up_blocks.1: 1.0}"
            message = f"which blocks of the UNet draw {part.blocks.replace('-', ' ')} is known of SDXL alone"
            raise Refusal(message, field=path, hint=hint)
        return
    there = [layer.path for layer in cross_attentions(model.components["unet"].config)]
    for name in part.blocks:
        if not any(f"{layer}.".startswith(f"{name}.") for layer in there):
            known = {layer.partition(".transformer_blocks")[0] for layer in there}
            close = nearest(name, sorted(known))
            hint = f"did you mean {close}?" if close else "there is " + ", ".join(sorted(known)[:8])
            raise Refusal(f"nothing in {name} of the UNet attends to pictures", field=path, hint=hint)
    if not any(part.blocks.values()):
        raise Refusal(
            "no block of the UNet has a factor", field=path, code="SDF214", hint="leave the pictures out"
        )


def _refuse_mask(mask: MaskSpec, model: Model, latent: LatentSpec, path: _Path) -> None:
    factor = model.space.factor
    height, width = latent.height * factor, latent.width * factor
    if mask.batch != 1:
        raise Refusal(f"{mask.batch} masks: one serves the whole batch", field=path)
    if abs(mask.width * height / (mask.height * width) - 1) > _OTHER_PROPORTIONS:
        message = f"the mask is {mask.width}×{mask.height} and the picture {width}×{height}"
        raise Refusal(message, field=path, hint="give a mask of the picture's proportions")
