"""`composite`: one picture over another."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.together import batch_together, refuse_other_proportions
from sdflow.pictures.composite import Mode
from sdflow.values import Image, ImageSpec, Mask, MaskSpec

_MOST = 65536


class Composite(Node, type="composite", version=1):
    """Put a picture over another, whole or where a mask is white. Where it is black, every byte stays.

    A feathered mask, opacity and the foreground's own transparency let the background shine through.
    """

    outputs = {"image": "Image"}

    background: Input[Image]
    """The lower picture, whose size and transparency the result has."""
    foreground: Input[Image]
    """The upper picture."""
    mask: Input[Mask] | None = None
    """Where the upper picture is seen: white fully, black not at all. Resized to the foreground."""
    left: int = Field(0, ge=-_MOST, le=_MOST)
    """Pixels from the left edge of the background to that of the foreground."""
    top: int = Field(0, ge=-_MOST, le=_MOST)
    """Pixels from the top edge of the background to that of the foreground."""
    mode: Mode = "normal"
    """How colours are mixed; all but normal work in 8 bits."""
    opacity: float = Field(1.0, ge=0, le=1)
    """How much of the upper picture is seen."""

    def infer(
        self, facts: Facts, background: ImageSpec, foreground: ImageSpec, mask: MaskSpec | None
    ) -> Mapping[str, ImageSpec]:
        """The background's size.

        Raises:
            Refusal: sizes or batches that do not go together, or a foreground beside the background.
        """
        if mask is not None:
            refuse_other_proportions(mask, foreground)
        batch = batch_together(background=background, foreground=foreground, mask=mask)
        for field, start, size, length in (
            ("left", self.left, foreground.width, background.width),
            ("top", self.top, foreground.height, background.height),
        ):
            if start >= length or start + size <= 0:
                message = f"with {field}: {start} the foreground lies beside the background"
                raise Refusal(message, field=field, code="SDF364")
        depth = background.depth if self.mode == "normal" else 8
        return {"image": replace(background, batch=batch, depth=depth)}

    def cost(self, background: ImageSpec, foreground: ImageSpec, mask: MaskSpec | None) -> Cost:
        """Proportional to the pixels."""
        return Cost(background.batch * background.width * background.height)

    def run(self, ctx: RunContext, background: Image, foreground: Image, mask: Mask | None) -> Image:
        """Put one over the other."""
        from sdflow.pictures.composite import composite

        return composite(
            background,
            foreground,
            mask,
            left=self.left,
            top=self.top,
            mode=self.mode,
            opacity=self.opacity,
        )
