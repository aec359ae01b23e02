"""`detect-pose`: how people in a picture stand, for a ControlNet."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.hints import refuse_alpha
from sdflow.values import Image, ImageSpec, PoseEstimator
from sdflow.values.pose_estimator import DETECTOR_PROCESSOR, DETECTOR_ROLE, POSE_PROCESSOR, POSE_ROLE

_BYTES_PER_PIXEL = 6000
"""Of a person as the network sees it, mostly 192×256, and of a picture as the detector does, mostly 640×640."""
_PERSON, _SCENE = 192 * 256, 640 * 640


class DetectPose(Node, type="detect-pose", version=1):
    """The people in a picture as coloured skeletons on black, as ControlNets for poses (OpenPose) are shown them.

    Faces and hands are left out. Where nobody is found the picture is black.
    """

    outputs = {"image": "Image"}
    lane = "device"
    numeric = True

    estimator: Input[PoseEstimator]
    """The network, from load-pose-estimator."""
    image: Input[Image]
    """The picture."""
    threshold: float = Field(0.3, ge=0, le=1)
    """How sure the network has to be of a joint for it to be drawn."""
    person_threshold: float = Field(0.5, ge=0, le=1)
    """How sure the detector has to be of a person."""

    def components(self, model: PoseEstimator) -> frozenset[str]:
        """The networks; how pictures are made ready is described and never loaded."""
        return frozenset({POSE_ROLE, DETECTOR_ROLE})

    def described(self, model: PoseEstimator) -> Json:
        """All of them."""
        return model.describe((POSE_ROLE, POSE_PROCESSOR, DETECTOR_ROLE, DETECTOR_PROCESSOR))

    def infer(self, facts: Facts, estimator: PoseEstimator, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The picture's size.

        Raises:
            Refusal: a picture with alpha.
        """
        refuse_alpha(image)
        return {"image": ImageSpec(image.batch, image.height, image.width)}

    def cost(self, estimator: PoseEstimator, image: ImageSpec) -> Cost:
        """One pass of each network for each picture."""
        seen = _PERSON + (_SCENE if estimator.finds_people else 0)
        return Cost(image.batch * seen, (_SCENE if estimator.finds_people else _PERSON) * _BYTES_PER_PIXEL)

    def run(self, ctx: RunContext, estimator: PoseEstimator, image: Image) -> Image:
        """Find the people, then their joints, and draw them."""
        from sdflow.diffusion.pose import Detector, Prepared, find_joints, find_people
        from sdflow.pictures.pil import to_pil
        from sdflow.pictures.skeleton import draw_skeletons

        device = str(ctx.device)
        pictures = [to_pil(image, item) for item in range(len(image.pixels))]
        boxes = [[(0.0, 0.0, float(it.width), float(it.height))] for it in pictures]
        if estimator.finds_people:
            with ctx.module(estimator, DETECTOR_ROLE) as network:
                processor = Prepared.of(estimator.components[DETECTOR_PROCESSOR])
                detector = Detector(network, processor, self.person_threshold)
                boxes = [find_people(detector, picture, device) for picture in pictures]
        with ctx.module(estimator, POSE_ROLE) as network:
            processor = Prepared.of(estimator.components[POSE_PROCESSOR])
            people = [
                find_joints(network, processor, picture, found, device)
                for picture, found in zip(pictures, boxes, strict=True)
            ]
        return draw_skeletons(people, image.pixels.shape[1], image.pixels.shape[2], self.threshold)
