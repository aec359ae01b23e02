"""`adjust-image`: brightness, contrast, saturation, gamma."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec


class AdjustImage(Node, type="adjust-image", version=1):
    """Change the tone of a picture, in this order and in 8 bits: brightness, contrast, saturation, gamma, invert."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    brightness: float = Field(1.0, ge=0, le=16)
    """Factor of brightness; 0 is black."""
    contrast: float = Field(1.0, ge=0, le=16)
    """Factor of contrast, around the mean grey; 0 is grey all over."""
    saturation: float = Field(1.0, ge=0, le=16)
    """Factor of saturation; 0 is a picture in greys."""
    gamma: float = Field(1.0, gt=0, le=16)
    """Above 1 the middle tones are lighter, below darker."""
    invert: bool = False
    """The negative: white becomes black."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The size stays.

        Raises:
            Refusal: nothing is to be changed.
        """
        if self.model_fields_set <= {"image"}:
            raise Refusal(
                "adjust-image needs brightness, contrast, saturation, gamma or invert", code="SDF203"
            )
        return {"image": replace(image, depth=8)}

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Change it."""
        from sdflow.pictures.effects import adjust

        return adjust(
            image,
            brightness=self.brightness,
            contrast=self.contrast,
            saturation=self.saturation,
            gamma=self.gamma,
            invert=self.invert,
        )
