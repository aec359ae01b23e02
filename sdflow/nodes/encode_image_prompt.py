"""`encode-image-prompt`: from pictures to what an IP-Adapter shows a model."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.hints import refuse_alpha
from sdflow.values import Image, ImagePrompt, ImagePromptSpec, ImageSpec, IpAdapter

_BYTES_PER_PATCH = 64
"""Values in flight for each feature of a patch."""


class EncodeImagePrompt(Node, type="encode-image-prompt", version=1):
    """Encode pictures with the image encoder of an IP-Adapter, for `image-prompt` of denoise.

    It runs again only when a picture or the image encoder changes: adapters that take the same features share it.
    """

    outputs = {"prompt": "ImagePrompt"}
    lane = "device"
    numeric = True

    adapter: Input[IpAdapter]
    """The IP-Adapter, from load-ip-adapter."""
    images: tuple[Input[Image], ...] = Field(min_length=1, max_length=64)
    """One picture, or several that count together. Each is cut to the square in its middle."""

    def components(self, model: IpAdapter) -> frozenset[str]:
        """The image encoder."""
        return frozenset({"image_encoder"})

    def described(self, model: IpAdapter) -> Json:
        """The image encoder, and which features the adapter takes; its weights change nothing here."""
        return {**model.describe(("image_encoder",)), "features": model.features}

    def infer(
        self, facts: Facts, adapter: IpAdapter, images: tuple[ImageSpec, ...]
    ) -> Mapping[str, ImagePromptSpec]:
        """As many as there are pictures.

        Raises:
            Refusal: a picture with alpha.
        """
        for image in images:
            refuse_alpha(image, "images")
        pictures = sum(image.batch for image in images)
        return {"prompt": ImagePromptSpec(pictures, adapter.width, adapter.features)}

    def cost(self, adapter: IpAdapter, images: tuple[ImageSpec, ...]) -> Cost:
        """One pass of the image encoder for each picture, two where features of patches are taken."""
        config = adapter.components["image_encoder"].config
        side, patch = (
            value if isinstance(value, int) else default
            for value, default in ((config.get("image_size"), 224), (config.get("patch_size"), 32))
        )
        patches = (side // patch) ** 2
        pictures = sum(image.batch for image in images)
        passes = pictures * (1 if adapter.features == "whole" else 2)
        return Cost(passes * patches, pictures * patches * adapter.width * _BYTES_PER_PATCH)

    def run(self, ctx: RunContext, adapter: IpAdapter, images: tuple[Image, ...]) -> ImagePrompt:
        """Encode all of them together."""
        from sdflow.diffusion.encode_picture import encode_pictures
        from sdflow.pictures.pil import to_pil

        pictures = [to_pil(image, item) for image in images for item in range(len(image.pixels))]
        with ctx.module(adapter, "image_encoder") as encoder:
            return encode_pictures(
                encoder, pictures, whole=adapter.features == "whole", device=str(ctx.device)
            )
