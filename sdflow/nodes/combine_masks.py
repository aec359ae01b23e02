"""`combine-masks`: one mask out of several."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Mask, MaskSpec


class CombineMasks(Node, type="combine-masks", version=1):
    """Combine masks of one size; a single one serves all items of a batch of others."""

    outputs = {"mask": "Mask"}

    masks: tuple[Input[Mask], ...] = Field(min_length=2)
    """The masks, in order."""
    how: Literal["union", "intersection", "difference", "exclusive"] = "union"
    """union is in any of them, intersection in all, difference in the first alone, exclusive in one of two."""

    def infer(self, facts: Facts, masks: tuple[MaskSpec, ...]) -> Mapping[str, MaskSpec]:
        """The same size.

        Raises:
            Refusal: masks of different sizes, or batches of different numbers.
        """
        first = masks[0]
        for mask in masks[1:]:
            if (mask.width, mask.height) != (first.width, first.height):
                sizes = f"{first.width}×{first.height} and {mask.width}×{mask.height}"
                hint = "masks of one picture have its size"
                raise Refusal(f"the masks are {sizes}", field="masks", code="SDF365", hint=hint)
        batches = sorted({mask.batch for mask in masks} - {1})
        if len(batches) > 1:
            message = f"{' and '.join(map(str, batches))} masks do not go together"
            raise Refusal(message, field="masks", code="SDF365", hint="give as many, or one for all")
        return {"mask": MaskSpec(batches[0] if batches else 1, first.height, first.width)}

    def run(self, ctx: RunContext, masks: tuple[Mask, ...]) -> Mask:
        """Combine them."""
        from sdflow.pictures.mask_changes import combined

        return combined(masks, self.how)
