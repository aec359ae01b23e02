"""`estimate-depth`: how far things in a picture are, for a ControlNet."""

from collections.abc import Mapping

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.hints import refuse_alpha
from sdflow.values import DepthEstimator, Image, ImageSpec

_BYTES_PER_PIXEL = 6000
"""Of the picture as the network sees it, mostly 384×384 or 518×518."""
_SEEN = 518 * 518


class EstimateDepth(Node, type="estimate-depth", version=1):
    """The depth of a picture, near in white and far in black, as ControlNets for depth are shown it."""

    outputs = {"image": "Image"}
    lane = "device"
    numeric = True

    estimator: Input[DepthEstimator]
    """The network, from load-depth-estimator."""
    image: Input[Image]
    """The picture."""

    def components(self, model: DepthEstimator) -> frozenset[str]:
        """The network; how pictures are made ready is described and never loaded."""
        return frozenset({"depth_estimator"})

    def described(self, model: DepthEstimator) -> Json:
        """Both."""
        return model.describe(("depth_estimator", "image_processor"))

    def infer(self, facts: Facts, estimator: DepthEstimator, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The picture's size.

        Raises:
            Refusal: a picture with alpha.
        """
        refuse_alpha(image)
        return {"image": ImageSpec(image.batch, image.height, image.width)}

    def cost(self, estimator: DepthEstimator, image: ImageSpec) -> Cost:
        """One pass of the network for each picture."""
        return Cost(image.batch * _SEEN, _SEEN * _BYTES_PER_PIXEL)

    def run(self, ctx: RunContext, estimator: DepthEstimator, image: Image) -> Image:
        """Look at each picture for itself."""
        from sdflow.diffusion.depth import estimate_depth
        from sdflow.pictures.pil import to_pil

        pictures = [to_pil(image, item) for item in range(len(image.pixels))]
        processor = estimator.components["image_processor"]
        with ctx.module(estimator, "depth_estimator") as network:
            return estimate_depth(
                network,
                pictures,
                processor=(processor.class_name, processor.config),
                far_is_large=estimator.far_is_large,
                device=str(ctx.device),
            )
