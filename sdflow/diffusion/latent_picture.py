"""A latent itself as a picture, without an autoencoder."""

import numpy as np
import torch

from sdflow.values import Image, Latent

_SD_RGB = (
    (0.298, 0.207, 0.208),
    (0.187, 0.286, 0.173),
    (-0.158, 0.189, 0.264),
    (-0.184, -0.271, -0.473),
)
"""What one unit of each channel of such a latent adds to red, green and blue in -1 … 1.

A least-squares fit of colours to latents, found by the community of diffusers in 2022 and used since.
"""
_XL_RGB = ((60.0, 60.0, 60.0), (-60.0, -5.0, 10.0), (25.0, 15.0, -5.0), (-70.0, -50.0, -35.0))
_XL_BIAS = (150.0, 140.0, 130.0)
"""The same for SDXL's latents, in 0 to 255, with the colour of a latent of zeros.

As in diffusers' documentation of callbacks ("Display image after each generation step", Apache-2.0).
"""


def latent_picture(latent: Latent) -> Image:
    """One pixel for each latent element, enlarged to uint8[batch, factor·h, factor·w, 3] without smoothing.

    Stable Diffusion's and SDXL's four channels are nearly a small picture: a fixed linear map makes them red,
    green and blue. For other spaces the three main components of the item become the colours, with signs fixed so
    that equal latents give equal pictures. A latent that is much louder than clean ones are (a sampler's
    noise) is scaled down.
    """
    samples = latent.samples.to("cpu", torch.float32)
    deviation = samples.flatten(1).std(dim=1, correction=0).clamp(min=1.0)
    quiet = (samples / deviation[:, None, None, None]).movedim(1, -1)
    if latent.space.family == "sd" and latent.space.channels == len(_SD_RGB):
        colours = quiet @ torch.tensor(_SD_RGB)
    elif latent.space.family == "sdxl" and latent.space.channels == len(_XL_RGB):
        colours = (quiet @ torch.tensor(_XL_RGB) + torch.tensor(_XL_BIAS)) / 127.5 - 1
    else:
        colours = torch.stack([_main_components(item) for item in quiet])
    unit = (colours * 0.5 + 0.5).clamp(0, 1)
    pixels = (unit * 255).round().to(torch.uint8).numpy()
    factor = latent.space.factor
    return Image(np.ascontiguousarray(pixels.repeat(factor, axis=1).repeat(factor, axis=2)))


def _main_components(item: torch.Tensor) -> torch.Tensor:
    """float32[h, w, 3] in about -1 … 1, from float32[h, w, channels]: its projections on the main axes."""
    height, width, channels = item.shape
    flat = item.reshape(-1, channels).double()
    centred = flat - flat.mean(dim=0)
    _, axes = torch.linalg.eigh(centred.T @ centred)
    main = axes[:, -min(3, channels) :].flip(1)
    largest = main.abs().argmax(dim=0)
    main = main * main[largest, torch.arange(main.shape[1])].sign()
    projected = centred @ main
    scaled = projected / (2 * projected.std(dim=0, correction=0).clamp(min=1e-6))
    padded = torch.nn.functional.pad(scaled, (0, 3 - scaled.shape[1]))
    return padded.reshape(height, width, 3).float()
