"""`load-pose-estimator`: what sees how people stand."""

from collections.abc import Iterator, Mapping

from sdflow.graph.facts import ComponentNeed, Facts
from sdflow.graph.fields import Place
from sdflow.graph.node import Need, Node, Refusal
from sdflow.nodes.load_model import DtypeName
from sdflow.values import Component, PoseEstimator, canonical_json
from sdflow.values.pose_estimator import DETECTOR_PROCESSOR, DETECTOR_ROLE, POSE_PROCESSOR, POSE_ROLE

_BODY = 17
"""Points of a body in COCO, which VitPose was trained on."""


class LoadPoseEstimator(Node, type="load-pose-estimator", version=1):
    """A network for detect-pose, in transformers' layout: VitPose, and one that finds people (RT-DETR or YOLOS)."""

    outputs = {"estimator": "PoseEstimator"}
    stored = False

    source: Place
    """Hub id, such as usyd-community/vitpose-base-simple, or a folder beside the recipe."""
    revision: str | None = None
    """Branch, tag or commit of a hub repository."""
    subfolder: str | None = None
    """Folder inside the source."""
    detector: Place | None = None
    """What finds people: hub id, such as PekingU/rtdetr_r50vd_coco_o365, or a folder. Without it, each picture is taken
    for one person from edge to edge."""
    detector_revision: str | None = None
    """Branch, tag or commit of its hub repository."""
    dtype: DtypeName = "auto"
    """Precision. auto is float16 on CUDA and float32 elsewhere."""

    @property
    def token(self) -> str:
        """The name of this request among the facts."""
        return canonical_json(["pose-estimator", self.key_fields()]).decode()

    def needs(self) -> Iterator[Need]:
        """The networks, and how pictures are made ready for them."""
        from sdflow.models.request import ComponentRequest, PartRequest

        places = {
            role: (PartRequest(self.source, self.revision, subfolder=self.subfolder), "")
            for role in (POSE_ROLE, POSE_PROCESSOR)
        }
        if self.detector is not None:
            place = PartRequest(self.detector, self.detector_revision)
            places |= dict.fromkeys((DETECTOR_ROLE, DETECTOR_PROCESSOR), (place, "detector"))
        for role, (place, field) in places.items():
            yield ComponentNeed(f"{self.token} {role}", ComponentRequest(role, place, self.dtype, field))

    def infer(self, facts: Facts) -> Mapping[str, PoseEstimator]:
        """All of them.

        Raises:
            Refusal: scipy is missing, a network for other points than a body's, a detector that knows no people, or a
                revision of nothing.
        """
        from sdflow.diffusion.pose import missing_requirement

        if missing := missing_requirement():
            hint = 'install it with: pip install "sdflow[samplers]"'
            raise Refusal(f"pictures are made ready for VitPose with {missing}", code="SDF430", hint=hint)
        if self.detector is None and self.detector_revision is not None:
            raise Refusal("there is no detector to take a revision of", field="detector_revision")
        roles = [POSE_ROLE, POSE_PROCESSOR]
        if self.detector is not None:
            roles += [DETECTOR_ROLE, DETECTOR_PROCESSOR]
        parts = {role: facts.component(f"{self.token} {role}") for role in roles}
        names = _labels(parts[POSE_ROLE])
        if names and len(names) != _BODY:
            message = f"this network tells {len(names)} points, and a body has {_BODY}"
            raise Refusal(message, field="source", code="SDF451")
        if self.detector is not None and "person" not in _labels(parts[DETECTOR_ROLE]).values():
            message = "`person` is none of the things that this detector finds"
            raise Refusal(message, field="detector", code="SDF451")
        return {"estimator": PoseEstimator(parts)}


def _labels(network: Component) -> Mapping[str, str]:
    """What a network tells apart, by number."""
    labels = network.config.get("id2label")
    return {str(number): str(name) for number, name in labels.items()} if isinstance(labels, dict) else {}
