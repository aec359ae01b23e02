"""A network that tells how people in a picture stand."""

from dataclasses import dataclass
from typing import ClassVar

from sdflow.values.model import Loadable

POSE_ROLE, POSE_PROCESSOR = "pose_estimator", "pose_processor"
DETECTOR_ROLE, DETECTOR_PROCESSOR = "person_detector", "detector_processor"


@dataclass(frozen=True, slots=True)
class PoseEstimator(Loadable):
    """A network for poses and, where there is one, another that finds people; each with how pictures are prepared."""

    kind: ClassVar[str] = "PoseEstimator"

    @property
    def finds_people(self) -> bool:
        """Whether it has a detector; without, the whole picture is taken for one person."""
        return DETECTOR_ROLE in self.components

    def __str__(self) -> str:
        return self.components[POSE_ROLE].class_name.removesuffix("ForPoseEstimation")
