"""`watermark`: a mark in a picture that nobody sees, and that a program reads."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.diffusion.watermark import DIFFUSERS_BITS, bits_of, missing_requirement, room
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec


class Watermark(Node, type="watermark", version=1):
    """Write an invisible watermark into a picture, as diffusers' SDXL pipelines do: it says that a model made it.

    The mark is lost when the picture is made smaller, and often when it is saved as JPEG. It is no proof of anything;
    how a picture was made is in its metadata, in the clear.
    """

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture, of 256×256 pixels or more."""
    bits: str = Field(DIFFUSERS_BITS, pattern="^[01]+$")
    """What to write, as zeros and ones; by default the 48 bits of diffusers' StableDiffusionXLWatermarker."""
    message: str | None = Field(None, min_length=1)
    """A text to write in place of the bits, 8 bits for each of its UTF-8 bytes."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The picture's form.

        Raises:
            Refusal: a package is missing, bits and a text at once, or a picture that cannot hold them.
        """
        if missing := missing_requirement():
            hint = 'install it with: pip install "sdflow[watermark]"'
            raise Refusal(f"watermark needs {missing}", code="SDF449", hint=hint)
        if self.message is not None and "bits" in self.model_fields_set:
            raise Refusal(
                "a watermark has bits or a message, not both", field="message", hint="leave one out"
            )
        holds, wanted = room(image.width, image.height), len(self._bits)
        if not holds:
            message = f"{image.width}×{image.height} pixels are too few for a watermark"
            hint = "it takes 256×256 or more: put it after the node that enlarges"
            raise Refusal(message, field="image", code="SDF450", hint=hint)
        if wanted > holds:
            message = f"{wanted} bits do not fit into {image.width}×{image.height} pixels, which hold {holds}"
            raise Refusal(message, field="message" if self.message else "bits", code="SDF450")
        return {"image": image}

    @property
    def _bits(self) -> str:
        return self.bits if self.message is None else bits_of(self.message)

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Write it."""
        from sdflow.diffusion.watermark import watermarked

        return watermarked(image, [int(bit) for bit in self._bits], ctx.progress)
