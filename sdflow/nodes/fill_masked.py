"""`fill-masked`: something else in place of what is masked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.colour import Colour
from sdflow.nodes.together import batch_together, refuse_other_proportions
from sdflow.values import Image, ImageSpec, Mask, MaskSpec


class FillMasked(Node, type="fill-masked", version=1):
    """Fill what is masked before it is painted anew: A1111's "masked content". Elsewhere every byte stays."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    mask: Input[Mask]
    """The mask; of another size, it is resized to the picture's."""
    fill: Literal["blur", "noise", "colour"] = "blur"
    """blur lets the colours around go on inwards (A1111's fill), noise draws by lot, colour takes one colour."""
    colour: Colour = "grey"
    """The colour."""
    seed: Seed = 0
    """Seed of the noise of the first item, a list with one for each item, or random."""

    def infer(self, facts: Facts, image: ImageSpec, mask: MaskSpec) -> Mapping[str, ImageSpec]:
        """The size stays.

        Raises:
            Refusal: sizes, batches or seeds that do not go together, or a field that has no effect.
        """
        refuse_other_proportions(mask, image)
        batch = batch_together(image=image, mask=mask)
        refuse_seeds(self.seed, batch)
        refuse_unused_fill(self, self.fill)
        return {"image": replace(image, batch=batch)}

    def cost(self, image: ImageSpec, mask: MaskSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(max(image.batch, mask.batch) * image.width * image.height)

    def run(self, ctx: RunContext, image: Image, mask: Mask) -> Image:
        """Fill it."""
        from sdflow.pictures.fill import filled

        batch = max(len(image.pixels), len(mask.pixels))
        return filled(image, mask, fill=self.fill, colour=self.colour, seeds=seeds_of(self.seed, batch))


def refuse_seeds(seed: int | tuple[int, ...], batch: int) -> None:
    """Refuse a list of seeds of another length than the batch.

    Raises:
        Refusal: it has.
    """
    try:
        seeds_of(seed, batch)
    except ValueError as error:
        raise Refusal(str(error), field="seed") from error


def refuse_unused_fill(node: Node, fill: str) -> None:
    """Refuse a colour or a seed that this kind of filling does not use.

    Raises:
        Refusal: one is written.
    """
    for field, user in (("colour", "colour"), ("seed", "noise")):
        if field in node.model_fields_set and fill != user:
            message = f"{field} is for fill: {user}, and this is {fill}"
            raise Refusal(message, field=field, code="SDF214", hint=f"leave {field} out")
