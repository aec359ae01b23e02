"""toybox-canny: a ControlNet of edges (https://arxiv.org/abs/2302.05543).

A copy of the UNet's encoder, whose answers are added to what the UNet's own encoder hands to its decoder. Its layers
there begin as zeros, so that it says nothing before it has learnt something; the UNet is left as it is.
"""

from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn

from training.chance import Chance
from training.dataset import Dataset
from training.family.config import Canny
from training.family.hints import edges
from training.family.prompted import Lesson, TrainedOnToybox, toybox_unet
from training.fit import weights

_CHUNK = 1_000
_GAIN, _FIRST = 1.2, 3.0  # what keeps edges at unit size through layers of SiLU


def build_controlnet(settings: Canny, toybox: Path) -> ControlNetModel:
    """The UNet's encoder with layers of zeros behind it."""
    net: ControlNetModel = ControlNetModel.from_unet(
        toybox_unet(toybox), conditioning_embedding_out_channels=settings.hint
    )
    net.set_attn_processor(AttnProcessor())
    embedding = net.controlnet_cond_embedding
    for layer in (embedding.conv_in, *embedding.blocks):
        # As PyTorch begins, the few white pixels would be nothing after eight layers, and nothing would be learnt.
        nn.init.kaiming_normal_(layer.weight)
        with torch.no_grad():
            layer.weight *= _FIRST if layer is embedding.conv_in else _GAIN
            layer.bias.zero_()
    return net


def draw_edges(data: Dataset, folder: Path) -> Path:
    """The edges of all scenes, uint8[scenes, 128, 16] with a bit for each pixel; made if they are not there yet."""
    path = folder / "edges.npy"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        parts = [
            np.packbits(edges(np.asarray(data.pictures[start : start + _CHUNK])), axis=-1)
            for start in range(0, len(data.pictures), _CHUNK)
        ]
        np.save(path, np.concatenate(parts))
    return path


class TrainedCanny(TrainedOnToybox):
    """The ControlNet alone."""

    def __init__(self, settings: Canny, lesson: Lesson, hints: Path) -> None:
        super().__init__(settings, lesson)
        self.control, self.net = settings, build_controlnet(settings, lesson.toybox)
        self._path = hints
        self._hints = torch.empty(0)
        self._unet: list[UNet2DConditionModel] = []  # in a list, it is no part of what is trained and saved

    def place(self, device: torch.device) -> None:
        """The UNet and the hints, too."""
        super().place(device)
        unet = toybox_unet(self.lesson.toybox).to(device, memory_format=torch.channels_last)
        self._unet = [unet.eval().requires_grad_(requires_grad=False)]
        self._hints = torch.from_numpy(np.load(self._path)).to(device)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of noisy latents, noise, timesteps, token ids and hints, float[batch, 3, 128, 128] in [0, 1]."""
        noisy, noise, timesteps, tokens, hint = batch
        said = self.said(tokens)
        down, middle = self.net(noisy, timesteps, said, controlnet_cond=hint, return_dict=False)
        predicted = self._unet[0](
            noisy,
            timesteps,
            said,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
        return self.loss(predicted, noise, timesteps)

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Random scenes with their edges, or none."""
        chosen = self.chosen(chance)
        made = self.noised(chosen, chance)
        kept = chance.uniform(len(chosen)) >= self.control.unhinted
        hint = unpacked(self._hints[chosen]) * kept.view(-1, 1, 1)
        return made.noisy, made.noise, made.timesteps, made.tokens, hint[:, None].expand(-1, 3, -1, -1)

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """The convolutions from latents and hints, and the layers that begin as zeros."""
        zeros = [*self.net.controlnet_down_blocks, self.net.controlnet_mid_block]
        embedding = self.net.controlnet_cond_embedding
        return frozenset(weights(self.net.conv_in, embedding.conv_in, embedding.conv_out, *zeros))


def unpacked(packed: Tensor) -> Tensor:
    """Bits as numbers: float[batch, height, width] of uint8[batch, height, width / 8]."""
    places = torch.arange(7, -1, -1, device=packed.device)
    return ((packed[..., None] >> places) & 1).flatten(-2).float()
