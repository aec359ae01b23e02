"""What Stable Diffusion's safety checker says of pictures."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image

if TYPE_CHECKING:
    from numpy.typing import NDArray


def flags_of(
    module: Any,
    pixels: "NDArray[np.uint8]",
    *,
    device: str,
    on_item: Callable[[int, int], None] = lambda _done, _all: None,
) -> tuple[bool, ...]:
    """Whether each of some pictures, uint8[batch, height, width, 3], is flagged; its batch does not matter.

    The network and its thresholds are diffusers', the preparation is transformers' for CLIP, by way of Pillow.
    """
    prepare = _processor(dict(module.config.feature_extractor))
    count = len(pixels)
    flags = []
    for number in range(count):
        shown = prepare(PIL.Image.fromarray(pixels[number]), return_tensors="pt").pixel_values
        unused = [np.zeros(1)]  # the pictures that it would blacken
        with _quiet():
            _, found = module(clip_input=shown.to(device=device, dtype=module.dtype), images=unused)
        flags.append(bool(found[0]))
        on_item(number + 1, count)
    return tuple(flags)


def _processor(config: dict[str, Any]) -> Any:
    """The one that works by Pillow, whatever else is installed; before transformers 5 it was the only one."""
    import transformers

    name = "CLIPImageProcessorPil" if hasattr(transformers, "CLIPImageProcessorPil") else "CLIPImageProcessor"
    return getattr(transformers, name).from_dict(config)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the checker's warning that a black picture is returned, which is not so here."""
    logger = logging.getLogger("diffusers.pipelines.stable_diffusion.safety_checker")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
