"""States of a trajectory as pictures."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sdflow.diffusion.denoise import at_vae_scale
from sdflow.diffusion.latent_picture import latent_picture
from sdflow.diffusion.vae import decode_latent
from sdflow.values import Image, Latent, State

if TYPE_CHECKING:
    from numpy.typing import NDArray


def draw_states(
    vae: Any, states: Sequence[State], item: int, *, device: str, on_state: Callable[[int, int], None]
) -> tuple[Image, Image]:
    """One item of each state, as the latent itself and decoded: two batches of as many pictures as states.

    A state holds samples as its sampler scales them, up to fourteen times as large; they are brought to the scale of
    the VAE's latents first, so that noise looks like noise at every step.
    """
    latents: list[NDArray[np.uint8]] = []
    decoded: list[NDArray[np.uint8]] = []
    for done, state in enumerate(states, start=1):
        whole = at_vae_scale(state)
        one = Latent(whole.samples[item : item + 1], whole.streams[item : item + 1], whole.space, whole.level)
        latents.append(latent_picture(one).pixels.astype(np.uint8, copy=False))
        decoded.append(
            decode_latent(vae, one, slicing=False, tiling=None, device=device).pixels.astype(
                np.uint8, copy=False
            )
        )
        on_state(done, len(states))
    return Image(np.concatenate(latents)), Image(np.concatenate(decoded))
