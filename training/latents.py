"""The latents of all scenes, encoded once: the mean and the deviation of each posterior."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from training.autoencoder import as_pixels
from training.fit import read_state, write_state
from training.precision import mixed

_BATCH = 25


@dataclass(frozen=True, slots=True)
class Latents:
    """Posteriors, not yet scaled: float16 [scenes, 4, 16, 16] both.

    Attributes:
        scaling_factor: what makes them unit normal altogether, as AutoencoderKL's configuration has it.
    """

    means: Tensor
    deviations: Tensor
    scaling_factor: float


def encode(model: AutoencoderKL, pictures: Path, path: Path, *, processes: int) -> Latents:
    """The latents of all `pictures` (a `.npy` file); read from `path` if they are there already.

    Encoded by several processes of one thread each on the CPU, by one on a GPU.
    """
    if not path.is_file():
        total = len(np.load(pictures, mmap_mode="r"))
        count = 1 if torch.cuda.is_available() else processes
        parts = [
            (model, pictures, total * rank // count, total * (rank + 1) // count) for rank in range(count)
        ]
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            encoded = list(pool.map(_encode, *zip(*parts, strict=True)))
        joined = tuple(torch.from_numpy(np.concatenate(part)) for part in zip(*encoded, strict=True))
        write_state(joined, path)
    return read_latents(path)


def _encode(model: AutoencoderKL, pictures: Path, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations of some of the pictures, float16."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    model = model.to(device, memory_format=torch.channels_last).eval()
    array = np.load(pictures, mmap_mode="c")
    means, deviations = [], []
    with torch.inference_mode(), mixed(device):
        for start in range(begin, end, _BATCH):
            pixels = as_pixels(array[start : min(start + _BATCH, end)]).to(device)
            posterior = model.encode(pixels).latent_dist
            means.append(posterior.mean.to("cpu", torch.float16).numpy())
            deviations.append(posterior.std.to("cpu", torch.float16).numpy())
            if (start - begin) % 1_000 == 0:
                print(f"latents: {start - begin:,} of {end - begin:,}", flush=True)
    return np.concatenate(means), np.concatenate(deviations)


def read_latents(path: Path) -> Latents:
    """What `encode` wrote."""
    means, deviations = read_state(path)
    some = slice(None, 4_000)
    spread = (means[some].float().var() + deviations[some].float().square().mean()).sqrt().item()
    return Latents(means, deviations, 1 / spread)
