"""From pictures to what an IP-Adapter takes: the pipelines' `encode_image`. Needs torch and transformers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from sdflow.values import ImagePrompt

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage


def encode_pictures(encoder: Any, pictures: Sequence["PilImage"], *, whole: bool, device: str) -> ImagePrompt:
    """Encode pictures together with a `CLIPVisionModelWithProjection` on `device`.

    Args:
        encoder: the image encoder.
        pictures: of any sizes; each is made as large as the encoder takes, and cut to a square.
        whole: take one vector of each picture, as plain IP-Adapters do, and zeros for no picture; else those of all
            patches after the last layer but one, and of a picture of zeros.
        device: where to compute.
    """
    pixels = _pixels(pictures, encoder.config.image_size).to(device=device, dtype=encoder.dtype)
    with torch.inference_mode():
        if whole:
            positive = encoder(pixels).image_embeds
            negative = torch.zeros_like(positive)
        else:
            positive = _patches(encoder, pixels)
            negative = _patches(encoder, torch.zeros_like(pixels))
    return ImagePrompt(_kept(positive), _kept(negative))


def _pixels(pictures: Sequence["PilImage"], side: int) -> torch.Tensor:
    """float32[n, 3, side, side]: by Pillow, as the processor has done it in all releases of transformers."""
    import transformers

    # Of transformers 5 on, the plain name is another one where torchvision is installed, with other pixels.
    name = "CLIPImageProcessorPil" if hasattr(transformers, "CLIPImageProcessorPil") else "CLIPImageProcessor"
    processor = getattr(transformers, name)(size=side, crop_size=side)
    found: torch.Tensor = processor(list(pictures), return_tensors="pt").pixel_values
    return found


def _patches(encoder: Any, pixels: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = encoder(pixels, output_hidden_states=True).hidden_states[-2]
    return found


def _kept(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(device="cpu", dtype=torch.float32, copy=True).clone()
