"""Depth as ControlNets for depth are shown it, by networks of transformers'. Needs torch and transformers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from sdflow.composition import Json
from sdflow.values import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PilImage


def estimate_depth(
    network: Any,
    pictures: Sequence["PilImage"],
    *,
    processor: tuple[str, Mapping[str, Json]],
    far_is_large: bool,
    device: str,
) -> Image:
    """The depth of each picture, uint8[batch, height, width, 3]: what is nearest is white, what is farthest black.

    The arithmetic is that of transformers' pipeline for depth estimation, whose picture this is.

    Args:
        network: a model for depth estimation, on `device`.
        pictures: of one size.
        processor: class and configuration of what makes pictures ready for it.
        far_is_large: whether it measures distance, so that its picture is turned round.
        device: where to compute.
    """
    import numpy as np

    prepare = _processor(*processor)
    found = [
        _grey(_depth(network, prepare, picture, device), far_is_large=far_is_large) for picture in pictures
    ]
    return Image(np.repeat(np.stack(found)[..., None], 3, axis=-1))


def _processor(class_name: str, config: Mapping[str, Json]) -> Any:
    """By Pillow: of transformers 5 on, the plain name is another one where torchvision is installed."""
    import transformers

    by_pillow = f"{class_name}Pil"
    name = by_pillow if hasattr(transformers, by_pillow) else class_name
    return getattr(transformers, name).from_dict(dict(config))


def _depth(network: Any, prepare: Any, picture: "PilImage", device: str) -> "NDArray[np.float32]":
    """float32[height, width] at the picture's size."""
    pixels = prepare(images=picture, return_tensors="pt").pixel_values
    with torch.inference_mode():
        told = network(pixel_values=pixels.to(device=device, dtype=network.dtype))
        told.predicted_depth = told.predicted_depth.float()
        size = (picture.height, picture.width)
        depth = prepare.post_process_depth_estimation(told, [size])[0]["predicted_depth"]
        found: NDArray[np.float32] = depth.cpu().numpy()
    return found


def _grey(depth: "NDArray[np.float32]", *, far_is_large: bool) -> "NDArray[np.uint8]":
    """From the smallest to the largest value; black where there is no difference."""
    import numpy as np

    low, high = depth.min(), depth.max()
    grey = (depth - low) / (high - low) if high > low else np.zeros_like(depth)
    return ((1 - grey if far_is_large else grey) * 255).astype(np.uint8)
