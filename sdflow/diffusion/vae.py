"""Between latents and pictures: the autoencoder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from sdflow.diffusion.streams import generators_of, states_of
from sdflow.diffusion.tiles import Tiling
from sdflow.diffusion.vae_tiles import decoded, encoded
from sdflow.problems import problem
from sdflow.values import CLEAN, Image, Latent, LatentSpace

_RGB = 3


def decode_latent(
    vae: Any, latent: Latent, *, slicing: bool, tiling: Tiling | None, device: str | torch.device = "cpu"
) -> Image:
    """Decode a latent into uint8[batch, factor·h, factor·w, 3], as the pipelines do.

    Args:
        vae: an `AutoencoderKL` or `AutoencoderTiny` on `device`.
        latent: of any level; noise that is left shows.
        slicing: item by item: less memory, and bits that differ from those of the whole batch.
        tiling: in overlapping tiles that are blended, in latent elements: less memory, and slightly other pixels.
        device: where the autoencoder is.
    """
    config = vae.config
    pieces = torch.split(latent.samples, 1) if slicing else (latent.samples,)
    with torch.inference_mode(), _precision(vae, latent.space) as dtype:
        pictures = [
            _to_pixels(decoded(vae, _unscaled(piece.to(device, dtype), config), tiling, latent.space.factor))
            for piece in pieces
        ]
    return Image(np.concatenate(pictures))


def encode_image(
    vae: Any,
    image: Image,
    streams: torch.Tensor,
    space: LatentSpace,
    device: str | torch.device = "cpu",
    *,
    tiling: Tiling | None = None,
) -> Latent:
    """Encode pictures, item by item, each drawing from the posterior with its own stream.

    Args:
        vae: an `AutoencoderKL` or `AutoencoderTiny` on `device`.
        image: RGB, sides multiples of the space's factor; one picture serves as many streams as there are.
        streams: uint8[batch, n], one for each item of the latent.
        space: the autoencoder's.
        device: where the autoencoder is.
        tiling: in overlapping tiles that are blended, in latent elements.

    Raises:
        UserError: SDF410, sides or channels do not fit, or the numbers of pictures and streams.
    """
    generators = generators_of(streams)
    pictures = pictures_of(image, len(streams), space.factor)
    (samples,) = encode_pictures(vae, pictures, (generators,), space, device, tiling=tiling)
    return Latent(samples, states_of(generators), space, CLEAN)


def pictures_of(image: Image, batch: int, factor: int) -> torch.Tensor:
    """Pixels as an autoencoder takes them: float32[batch, 3, height, width] in -1 … 1.

    Raises:
        UserError: SDF410, sides or channels do not fit, or the numbers of pictures and items.
    """
    return _from_pixels(_matched(image, batch, factor))


def encode_pictures(
    vae: Any,
    pictures: torch.Tensor,
    draws: Sequence[Sequence[torch.Generator]],
    space: LatentSpace,
    device: str | torch.device = "cpu",
    *,
    tiling: Tiling | None = None,
) -> tuple[torch.Tensor, ...]:
    """Latents of pictures float32[batch, 3, h, w], for each draw a batch of its own: float32, on the CPU.

    Each picture is encoded once, and drawn from its posterior by the generator of its item in each draw.
    """
    own: torch.dtype = vae.dtype
    with torch.inference_mode(), _precision(vae, space, encoding=True) as dtype:
        drawn: list[list[torch.Tensor]] = [[] for _ in draws]
        # Split, not indexed: a slice keeps the strides of the whole, and with them the bits of the convolutions.
        for item, picture in enumerate(torch.split(pictures, 1)):
            found = encoded(vae, picture.to(device=device, dtype=dtype), tiling, space.factor)
            for parts, generators in zip(drawn, draws, strict=True):
                parts.append(_drawn(found, generators[item]))
        # The pipelines for SDXL scale latents in the precision of the model, whatever the VAE computed in.
        kept = own if space.family == "sdxl" else dtype
        scaled = [_scaled(torch.cat(parts).to(kept), vae.config) for parts in drawn]
    return tuple(samples.to("cpu", torch.float32).clone() for samples in scaled)


def encode_means(
    vae: Any,
    pictures: torch.Tensor,
    space: LatentSpace,
    *,
    scaled: bool,
    device: str | torch.device = "cpu",
) -> torch.Tensor:
    """The likeliest latents of pictures float32[batch, 3, h, w], drawn by no lot: float32, on the CPU.

    `scaled` says whether they are brought to the scale of the model's latents.
    """
    own: torch.dtype = vae.dtype
    with torch.inference_mode(), _precision(vae, space, encoding=True) as dtype:
        found = [vae.encode(picture.to(device=device, dtype=dtype)) for picture in torch.split(pictures, 1)]
        modes = [it.latent_dist.mode() if hasattr(it, "latent_dist") else it.latents for it in found]
        samples = torch.cat(modes).to(own)
        if scaled:
            samples = samples * vae.config.scaling_factor
    return samples.to("cpu", torch.float32).clone()


def _drawn(output: Any, generator: torch.Generator) -> torch.Tensor:
    """A latent from what an autoencoder gives: by lot from a posterior; a tiny autoencoder knows just one."""
    if hasattr(output, "latent_dist"):
        return output.latent_dist.sample(generator)  # type: ignore[no-any-return]  # diffusers has no types
    return output.latents  # type: ignore[no-any-return]


def _matched(image: Image, batch: int, factor: int) -> np.ndarray[Any, Any]:
    pixels = image.pixels
    count, height, width, channels = pixels.shape
    if channels != _RGB:
        raise problem(
            "SDF410", f"a picture to encode has 3 channels, not {channels}", hint="drop its transparency"
        )
    if height % factor or width % factor:
        near = f"{width // factor * factor or factor}×{height // factor * factor or factor}"
        text = f"{width}×{height} pixels: both sides have to be multiples of {factor}"
        raise problem("SDF410", text, hint=f"`resize-image` to {near}")
    if count not in {1, batch}:
        raise problem("SDF410", f"{count} pictures for a batch of {batch}")
    return pixels if count == batch else np.repeat(pixels, batch, axis=0)


def _from_pixels(pixels: np.ndarray[Any, Any]) -> torch.Tensor:
    """float32[batch, 3, height, width] in -1 … 1."""
    highest = 255.0 if pixels.dtype == np.uint8 else 65535.0
    unit = torch.from_numpy((pixels.astype(np.float32) / highest).transpose(0, 3, 1, 2))
    return 2.0 * unit - 1.0


def _to_pixels(picture: torch.Tensor) -> np.ndarray[Any, Any]:
    unit = (picture * 0.5 + 0.5).clamp(0, 1).cpu().permute(0, 2, 3, 1).float().numpy()
    return np.asarray((unit * 255).round().astype(np.uint8))


def _spread(config: Any, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Mean and deviation of each channel, where a VAE's configuration tells them."""
    mean, deviation = (getattr(config, name, None) for name in ("latents_mean", "latents_std"))
    if mean is None or deviation is None:
        return None
    shape = (1, samples.shape[1], 1, 1)
    one, other = (torch.tensor(it).view(shape).to(samples.device, samples.dtype) for it in (mean, deviation))
    return one, other


def _scaled(samples: torch.Tensor, config: Any) -> torch.Tensor:
    spread = _spread(config, samples)
    if spread is not None:
        mean, deviation = spread
        return (samples - mean) * config.scaling_factor / deviation  # type: ignore[no-any-return]  # a number
    if getattr(config, "shift_factor", None):
        samples = samples - config.shift_factor
    return config.scaling_factor * samples  # type: ignore[no-any-return]  # a number of the configuration


def _unscaled(samples: torch.Tensor, config: Any) -> torch.Tensor:
    spread = _spread(config, samples)
    if spread is not None:
        mean, deviation = spread
        return samples * deviation / config.scaling_factor + mean  # type: ignore[no-any-return]  # a number
    samples = samples / config.scaling_factor
    return samples + config.shift_factor if getattr(config, "shift_factor", None) else samples


@contextmanager
def _precision(vae: Any, space: LatentSpace, *, encoding: bool = False) -> Iterator[torch.dtype]:
    """The dtype to compute in: float32 for as long as this lasts, where the configuration asks for that.

    diffusers takes `force_upcast` for true where the file leaves it out, as those of Stable Diffusion 1.x
    do, and its pipelines for them never upcast; so it counts only where it is written, but for SDXL. The pipeline for
    SDXL encodes in float32 from any precision, and decodes so from float16.
    """
    dtype: torch.dtype = vae.dtype
    unwritten = getattr(vae.config, "_use_default_values", None) or ()
    xl = space.family == "sdxl"
    asked = bool(getattr(vae.config, "force_upcast", False)) and (xl or "force_upcast" not in unwritten)
    narrow = dtype == torch.float16 or (xl and encoding and dtype != torch.float32)
    if not asked or not narrow:
        yield dtype
        return
    torch.nn.Module.to(vae, torch.float32)  # diffusers' own way is the same with a warning at each call
    try:
        yield torch.float32
    finally:
        # A half widens to float32 and back without a change.
        torch.nn.Module.to(vae, dtype)
