"""A UNet that looks at a large latent through overlapping windows (MultiDiffusion, arXiv:2302.08113).

In every evaluation each window is predicted for itself, and predictions are blended where windows overlap. There is one
latent all the time, so that neighbours agree with each other after a few steps, and sampler, noise, masks and guidance
do not know of windows. Only one window is in work at a time: memory does not grow with the picture.
"""

from typing import Any

import torch

from sdflow.diffusion.tiles import Tiling, in_tiles
from sdflow.problems import NodeFailedError

_RESIDUALS = "additional_residual"


class Windowed:
    """A `UNet2DConditionModel` called window by window; in everything else it is the UNet itself.

    A latent that fits into one window is given to the UNet as it is.
    """

    def __init__(self, unet: Any, tiling: Tiling) -> None:
        self._unet, self._tiling = unet, tiling

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unet, name)

    def __call__(self, sample: torch.Tensor, timestep: Any, **arguments: Any) -> tuple[torch.Tensor]:
        """The blended prediction, float[rows, channels, height, width], as the UNet returns it.

        Raises:
            NodeFailedError: residuals of the whole latent are given, as ControlNets make them.
        """
        if any(_RESIDUALS in name and value is not None for name, value in arguments.items()):
            raise NodeFailedError("a ControlNet sees the whole picture, and the UNet is shown windows of it")
        arguments["return_dict"] = False

        def predict(window: torch.Tensor) -> torch.Tensor:
            prediction: torch.Tensor = self._unet(window.contiguous(), timestep, **arguments)[0]
            return prediction

        made = in_tiles(sample, predict, self._tiling)
        return (made.to(sample.dtype),)
