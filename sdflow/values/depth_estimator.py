"""A network that tells how far things in a picture are."""

from dataclasses import dataclass
from typing import ClassVar

from sdflow.values.model import Loadable


@dataclass(frozen=True, slots=True)
class DepthEstimator(Loadable):
    """Components `depth_estimator`, and `image_processor`, which is a configuration alone."""

    kind: ClassVar[str] = "DepthEstimator"

    @property
    def far_is_large(self) -> bool:
        """Whether it measures distances, as those trained on metres do; the others tell nearness."""
        return self.components["depth_estimator"].config.get("depth_estimation_type") == "metric"

    def __str__(self) -> str:
        return self.components["depth_estimator"].class_name.removesuffix("ForDepthEstimation")
