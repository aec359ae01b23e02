"""`regional-conditioning`: a prompt for a part of the picture."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.sides import C, Side, changed, in_area
from sdflow.values import Area, Conditioning, ConditioningSpec, EntrySpec, Mask, MaskSpec

_DUST = 1e-9


class Rectangle(BaseModel):
    """A rectangle in fractions of the picture's sides, so that it holds at every size."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    left: float = Field(0.0, ge=0, lt=1)
    """Distance from the left."""
    top: float = Field(0.0, ge=0, lt=1)
    """Distance from the top."""
    width: float = Field(1.0, gt=0, le=1)
    """Its width; by default the rest."""
    height: float = Field(1.0, gt=0, le=1)
    """Its height; by default the rest."""

    @model_validator(mode="after")
    def _inside(self) -> "Rectangle":
        for start, length in (("left", "width"), ("top", "height")):
            end = getattr(self, start) + getattr(self, length)
            if end > 1 + _DUST:
                message = "{start} and {length} add up to {end}, beyond the picture's edge at 1"
                raise PydanticCustomError(
                    "beyond_the_edge", message, {"start": start, "length": length, "end": f"{end:g}"}
                )
        return self


def _rest(value: object) -> object:
    """A rectangle that does not say how wide or high it is reaches to the picture's edge."""
    if not isinstance(value, Mapping):
        return value
    filled = dict(value)
    for start, length in (("left", "width"), ("top", "height")):
        distance = filled.get(start)
        if length not in filled and isinstance(distance, int | float) and 0 <= distance < 1:
            filled[length] = 1.0 - distance
    return filled


class RegionalConditioning(Node, type="regional-conditioning", version=1):
    """Let a prompt count in a part of the picture, or more or less than others. Combine it with the others.

    At each place the predictions of all prompts that count there are averaged, in proportion to strength × area × mask.
    The whole picture is always looked at, so that regions fit each other. Areas must leave no gap; where masks leave
    one, prompts are weighed by their strengths alone.
    """

    outputs = {"conditioning": "Conditioning"}

    conditioning: Input[Conditioning]
    """The conditioning; an area that it had before still holds."""
    area: Annotated[Rectangle | None, BeforeValidator(_rest)] = None
    """A rectangle: left, top, width, height, in fractions of the picture's sides. {left: 0.5} is the right half."""
    mask: Input[Mask] | None = None
    """A mask of any size: 255 is fully, 0 not at all."""
    strength: float = Field(1.0, ge=0, le=1000)
    """How strongly, against the others; it changes nothing for a prompt that is alone."""
    side: Side = "positive"
    """Which side to bound. Where no negative prompt counts, there is no guidance."""

    def infer(
        self, facts: Facts, conditioning: ConditioningSpec, mask: MaskSpec | None
    ) -> Mapping[str, ConditioningSpec]:
        """The same, bounded.

        Raises:
            Refusal: neither area, mask nor strength is given, an area apart from that before, masks that do not fit.
        """
        if self.area is None and mask is None and "strength" not in self.model_fields_set:
            raise Refusal("regional-conditioning needs area, mask or strength", code="SDF203")
        bounded = self._bounded(conditioning)
        if mask is None:
            return {"conditioning": bounded}
        if mask.batch > 1 and conditioning.batch not in (1, mask.batch):
            raise Refusal(f"{mask.batch} masks for {conditioning.batch} prompts", field="mask")
        size = (mask.height, mask.width)
        masked = changed(bounded, self.side, lambda _, entries: tuple(_with_mask(it, size) for it in entries))
        return {"conditioning": replace(masked, batch=max(mask.batch, conditioning.batch))}

    def _bounded(self, conditioning: C) -> C:
        within = self.area
        area = None if within is None else Area(within.left, within.top, within.width, within.height)
        return changed(conditioning, self.side, lambda _, entries: in_area(entries, area, self.strength))

    def run(self, ctx: RunContext, conditioning: Conditioning, mask: Mask | None) -> Conditioning:
        """The same numbers, bounded."""
        bounded = self._bounded(conditioning)
        if mask is None:
            return bounded
        from sdflow.diffusion.conditioning import mask_tensor, masked

        tensor = mask_tensor(mask)
        return changed(bounded, self.side, lambda _, entries: masked(entries, tensor))


def _with_mask(entry: EntrySpec, size: tuple[int, int]) -> EntrySpec:
    if entry.mask is not None and entry.mask != size:
        height, width = entry.mask
        message = (
            f"the conditioning has a mask of {width}×{height} already, and this one is {size[1]}×{size[0]}"
        )
        raise Refusal(message, field="mask")
    return replace(entry, mask=size)
