"""What `denoise` may do to a UNet without training it, FreeU and perturbed-attention guidance, and what it refuses."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from sdflow.diffusion.freeu import FreeU
from sdflow.diffusion.pag import Pag, is_part_of, self_attentions
from sdflow.graph.node import Refusal
from sdflow.models.family import EDIT, shown_beside_of
from sdflow.problems import nearest
from sdflow.values import Model

if TYPE_CHECKING:
    from sdflow.nodes.denoise import Denoise


class FreeUFactors(BaseModel):
    """FreeU (arXiv:2309.11497).

    Its authors take b1 1.5 and b2 1.6 for Stable Diffusion 1.5, 1.4 and 1.6 for 2.1, 1.3 and 1.4 for XL.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    b1: float = Field(ge=0, le=10)
    """Factor on the backbone at the deepest level of the way up."""
    b2: float = Field(ge=0, le=10)
    """The same one level above."""
    s1: float = Field(0.9, ge=0, le=10)
    """Factor on the low frequencies of the skip connections at the deepest level."""
    s2: float = Field(0.2, ge=0, le=10)
    """The same one level above."""

    def factors(self) -> FreeU:
        """As the loop takes them."""
        return FreeU(self.s1, self.s2, self.b1, self.b2)


class PagFields(BaseModel):
    """Perturbed-attention guidance (arXiv:2403.17377)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=lambda name: name.replace("_", "-")
    )

    scale: float = Field(3.0, gt=0, le=100)
    """How strongly to keep away from a picture without structure."""
    adaptive_scale: float = Field(0.0, ge=0, le=100)
    """How much the scale falls with each timestep below 1000; 0 keeps it."""
    layers: tuple[str, ...] = ("mid",)
    """Which self-attention, by parts of diffusers' names: mid, down_blocks.1, up_blocks.0.attentions.0."""

    def as_asked(self) -> Pag:
        """As the loop takes it."""
        return Pag(self.scale, self.adaptive_scale, self.layers)


_FREEU = frozenset({"CrossAttnUpBlock2D", "UpBlock2D"})
"""The blocks that know FreeU."""
_IMAGE_GUIDANCE = 1.5
"""What the pipeline for editing has where nothing is said."""


def edits(model: Model) -> bool:
    """Whether a model edits pictures."""
    return shown_beside_of(model.components["unet"].config) == EDIT


def image_guidance_of(written: float | None, model: Model) -> float | None:
    """How closely a model that edits pictures keeps to them; None for any other."""
    if not edits(model):
        return None
    return _IMAGE_GUIDANCE if written is None else written


def refuse_steering(node: "Denoise", model: Model) -> None:
    """Refuse guidance that the model's UNet cannot be given.

    Raises:
        Refusal: a picture's guidance for a model that edits none, perturbed attention for one that does, layers that
            the UNet does not have, or FreeU for a UNet without the blocks that it changes.
    """
    pag, image_guidance = node.pag, node.image_guidance
    blocks = model.components["unet"].config.get("up_block_types")
    if node.freeu is not None and isinstance(blocks, list) and not _FREEU.intersection(map(str, blocks)):
        message = "FreeU changes nothing in a UNet of this kind"
        raise Refusal(message, field="freeu", code="SDF214", hint="leave freeu out")
    if image_guidance is not None and not edits(model):
        message = "image-guidance is for models that edit a picture, and this is another one"
        raise Refusal(message, field="image_guidance", code="SDF214", hint="leave image-guidance out")
    if pag is None:
        return
    if edits(model):
        message = "pag and the guidance of a model that edits pictures do not go together"
        raise Refusal(message, field="pag", code="SDF436", hint="leave pag out")
    _refuse_layers(pag, model)


def _refuse_layers(pag: PagFields, model: Model) -> None:
    names = self_attentions(model.components["unet"].config)
    if not names:
        raise Refusal("this UNet has no self-attention to perturb", field="pag", code="SDF435")
    if not pag.layers:
        message = "pag without layers changes nothing"
        raise Refusal(message, field="pag", code="SDF435", hint="leave layers out for mid")
    for layer in pag.layers:
        if layer and any(is_part_of(layer, name) for name in names):
            continue
        blocks = _blocks(names)
        close = nearest(layer, blocks)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(blocks)}, and parts of them"
        message = f"the UNet has no self-attention layer with {layer!r} in its name"
        raise Refusal(message, field="pag", code="SDF435", hint=hint)


def _blocks(names: tuple[str, ...]) -> list[str]:
    """The levels that have self-attention, and before them `mid`, which is what most ask for."""
    levels = dict.fromkeys(name.partition(".attentions")[0] for name in names)
    return [level.replace("mid_block", "mid") for level in levels]
