"""toybox-negative: a textual inversion (https://arxiv.org/abs/2208.01618) of spoiled pictures.

A few vectors among the words that the text encoder knows are moved until they are what spoiled scenes are called,
whatever these show. In a negative prompt they lead away from all of that at once. Nothing else is trained.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.chance import Chance
from training.family.config import Negative
from training.family.prompted import Lesson, TrainedOnToybox, prompt_width, tokens_of, toybox_unet

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

_WORDS = "embeddings.token_embedding.weight"
_BEGIN = "blurry low quality bad"
"""Words that the vectors begin as, one after another."""


class TrainedNegative(TrainedOnToybox):
    """The vectors alone, float[vectors, width]."""

    def __init__(self, settings: Negative, lesson: Lesson) -> None:
        super().__init__(settings, lesson)
        self.count = settings.vectors
        self.vectors = nn.Parameter(torch.zeros(settings.vectors, prompt_width(lesson.toybox)))
        self._unet: list[UNet2DConditionModel] = []  # in a list, it is no part of what is trained and saved

    def place(self, device: torch.device) -> None:
        """The UNet, and captions that name nothing but the vectors."""
        super().place(device)
        unet = toybox_unet(self.lesson.toybox).to(device, memory_format=torch.channels_last)
        self._unet = [unet.eval().requires_grad_(requires_grad=False)]
        known = self._known().detach()
        if not self.vectors.any():
            words = tokens_of(self.lesson.toybox, [_BEGIN])[0, 1:].to(device)
            with torch.no_grad():
                self.vectors.copy_(known[words[: self.count]])
        first, last = self._nothing[0], self._nothing[1]
        caption = last.repeat(len(self._nothing))
        caption[0] = first
        caption[1 : self.count + 1] = torch.arange(len(known), len(known) + self.count)
        self._tokens = caption.expand(len(self._tokens), -1).contiguous()

    def _known(self) -> Tensor:
        words: Tensor = self._text[0].get_input_embeddings().weight
        return words

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of noisy latents, noise, timesteps and token ids, in which the vectors follow the known words."""
        noisy, noise, timesteps, tokens = batch
        words = torch.cat([self._known(), self.vectors])
        said = torch.func.functional_call(self._text[0], {_WORDS: words}, (tokens,))[0]
        predicted = self._unet[0](noisy, timesteps, said).sample
        return self.loss(predicted, noise, timesteps)

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Random spoiled scenes."""
        made = self.noised(self.chosen(chance), chance)
        return made.noisy, made.noise, made.timesteps, made.tokens
