"""toybox-inpaint: toybox's UNet, which is given a mask and what the picture shows around it.

Nine channels as Stable Diffusion's inpainting models have them: the noisy latent, the mask, the latent of the picture
with grey where it is to be painted.
"""

from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from training.backgrounds import SIDE
from training.chance import Chance
from training.dataset import Dataset
from training.family.config import Inpaint
from training.family.masks import draw_mask
from training.family.prompted import Lesson, TrainedOnToybox, toybox_unet
from training.fit import weights
from training.latents import Latents, read_latents

_GREY = 128


def build_inpainting_unet(toybox: Path) -> UNet2DConditionModel:
    """Toybox's UNet with five more channels at its entrance, which count for nothing yet."""
    unet = toybox_unet(toybox)
    narrow = unet.conv_in
    wide = nn.Conv2d(9, narrow.out_channels, narrow.kernel_size, padding=narrow.padding)
    with torch.no_grad():
        wide.weight.zero_()
        wide.weight[:, :4] = narrow.weight
        wide.bias = narrow.bias
    unet.conv_in = wide
    unet.register_to_config(in_channels=9)
    return unet


def paint_out(data: Dataset, count: int, folder: Path, seed: int) -> tuple[Path, Path]:
    """Scenes with grey where a mask by lot is, and the masks as latents see them; made if they are not there yet.

    Gives the files of pictures, uint8[scenes, 128, 128, 3], and of masks, uint8[scenes, 16, 16].
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures, masks = folder / "masked.npy", folder / "masks.npy"
    if not masks.is_file():
        scenes = data.scenes[:count]
        array = np.lib.format.open_memmap(pictures, "w+", np.uint8, (len(scenes), SIDE, SIDE, 3))
        small = np.empty((len(scenes), 16, 16), np.uint8)
        for index, scene in enumerate(scenes):
            mask = draw_mask(Random(f"{seed} mask {index}"), scene)
            array[index] = np.where(mask[..., None], _GREY, data.pictures[index])
            small[index] = mask[::8, ::8]
        array.flush()
        np.save(masks, small)
    return pictures, masks


class TrainedInpainting(TrainedOnToybox):
    """The whole UNet."""

    def __init__(self, settings: Inpaint, lesson: Lesson, masked: Path, masks: Path) -> None:
        super().__init__(settings, lesson)
        self.known = settings.known
        self.unet = build_inpainting_unet(lesson.toybox)
        self._paths = masked, masks
        self._masked: list[Latents] = []
        self._masks = torch.empty(0)

    def place(self, device: torch.device) -> None:
        """The masks and what is around them, too."""
        super().place(device)
        masked, masks = self._paths
        read = read_latents(masked)
        self._masked = [Latents(read.means.to(device), read.deviations.to(device), self.scale)]
        self._masks = torch.from_numpy(np.load(masks)).to(device)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of noisy latents, noise, timesteps, token ids, masks [batch, 1, 16, 16], latents of what is around them."""
        noisy, noise, timesteps, tokens, mask, around = batch
        seen = torch.cat([noisy, mask, around], 1)
        predicted = self.unet(seen, timesteps, self.said(tokens)).sample
        loss, figures = self.loss(predicted, noise, timesteps)
        # What is outside of the mask is known. In the picture, an error is that of the noise over this ratio, so that
        # without more weight nothing would be gained by copying while there is much noise.
        known = (1 / self.ratio(timesteps)).clamp(max=self.known).view(-1, 1, 1, 1) * (1 - mask)
        outside = (known * (predicted.float() - noise).square()).mean()
        return loss + outside, {**figures, "outside": outside}

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Random scenes with their masks."""
        chosen = self.chosen(chance, len(self._masks))
        made = self.noised(chosen, chance)
        held = self._masked[0]
        means, deviations = held.means[chosen].float(), held.deviations[chosen].float()
        around = (means + deviations * chance.normal(*means.shape)) * self.scale
        mask = self._masks[chosen].float()[:, None]
        return made.noisy, made.noise, made.timesteps, made.tokens, mask, around

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """The convolutions from and to latents."""
        return frozenset(weights(self.unet.conv_in, self.unet.conv_out))
