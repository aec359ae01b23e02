"""People and their joints, by networks of transformers'. Needs torch, transformers and scipy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from sdflow.composition import Json
from sdflow.values import Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PilImage

    Joints: TypeAlias = NDArray[np.float32]

Bounds: TypeAlias = "tuple[float, float, float, float]"
"""Left, top, width and height in pixels."""

_BODY = 17


def missing_requirement() -> str:
    """The package that is not installed; empty when all is there."""
    return "" if find_spec("scipy") else "scipy"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What makes pictures ready for a network: a class of transformers, and its configuration."""

    class_name: str
    config: Mapping[str, Json]

    @classmethod
    def of(cls, component: Component) -> "Prepared":
        """From its description."""
        return cls(component.class_name, component.config)

    def processor(self) -> Any:
        """By Pillow: of transformers 5 on, the plain name is another one where torchvision is installed."""
        import transformers

        by_pillow = f"{self.class_name}Pil"
        name = by_pillow if hasattr(transformers, by_pillow) else self.class_name
        return getattr(transformers, name).from_dict(dict(self.config))


@dataclass(frozen=True, slots=True)
class Detector:
    """A network that finds things in pictures, and how sure it has to be of a person."""

    network: Any
    prepared: Prepared
    threshold: float


def find_people(detector: Detector, picture: "PilImage", device: str) -> list[Bounds]:
    """The boxes of the people in a picture, the surest first; none where there is nobody."""
    import torch

    prepare = detector.prepared.processor()
    given = prepare(images=picture, return_tensors="pt")
    network = detector.network
    with torch.inference_mode():
        told = network(**{name: _on(tensor, network, device) for name, tensor in given.items()})
        told.logits, told.pred_boxes = told.logits.float(), told.pred_boxes.float()
        found = prepare.post_process_object_detection(
            told, threshold=detector.threshold, target_sizes=[(picture.height, picture.width)]
        )[0]
    people = [
        (float(score), [float(side) for side in box])
        for score, label, box in zip(found["scores"], found["labels"], found["boxes"], strict=True)
        if network.config.id2label[int(label)] == "person"
    ]
    people.sort(key=lambda person: -person[0])
    return [(left, top, right - left, bottom - top) for _, (left, top, right, bottom) in people]


def _on(tensor: Any, network: Any, device: str) -> Any:
    return tensor.to(device=device, dtype=network.dtype if tensor.is_floating_point() else tensor.dtype)


def find_joints(
    network: Any, prepared: Prepared, picture: "PilImage", boxes: Sequence[Bounds], device: str
) -> "list[Joints]":
    """The joints of each person: float32[17, 3], x, y in pixels and how sure that is, in COCO's order.

    Raises:
        NodeFailedError: the network tells other points than those of a body.
    """
    import numpy as np
    import torch

    from sdflow.problems import NodeFailedError

    if not boxes:
        return []
    prepare = prepared.processor()
    listed = [[list(box) for box in boxes]]
    pixels = prepare(images=picture, boxes=listed, return_tensors="pt").pixel_values
    more = {}
    if _experts(network) > 1:  # VitPose+: the first of its experts knows COCO's bodies
        more["dataset_index"] = torch.zeros(len(boxes), dtype=torch.long, device=device)
    with torch.inference_mode():
        told = network(pixel_values=_on(pixels, network, device), **more)
    told.heatmaps = told.heatmaps.float()
    if told.heatmaps.shape[1] != _BODY:
        raise NodeFailedError(f"the network tells {told.heatmaps.shape[1]} points, and a body has {_BODY}")
    (people,) = prepare.post_process_pose_estimation(told, boxes=listed)
    return [
        cast(
            "Joints", np.concatenate([it["keypoints"].numpy(), it["scores"].numpy()[:, None]], 1).astype("f4")
        )
        for it in people
    ]


def _experts(network: Any) -> int:
    return int(getattr(network.config.backbone_config, "num_experts", 1) or 1)
