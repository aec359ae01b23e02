"""What the parts on top of toybox share: its latents, its captions, its text encoder as it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.chance import Chance
from training.diffusion import BETAS
from training.family.config import Prompted
from training.fit import Trained
from training.latents import Latents, read_latents


@dataclass(frozen=True, slots=True)
class Lesson:
    """Scenes to learn from.

    Attributes:
        toybox: the folder of the model that is gone on from, in diffusers' layout.
        latents: of the scenes, as `training.latents` writes them.
        captions: in the same order.
    """

    toybox: Path
    latents: Path
    captions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Noised:
    """Latents float[batch, 4, 16, 16] with noise on them, the noise, timesteps [batch], token ids [batch, 77]."""

    noisy: Tensor
    noise: Tensor
    timesteps: Tensor
    tokens: Tensor


def toybox_unet(toybox: Path) -> UNet2DConditionModel:
    """Its UNet in float32, with the attention that is fastest on a CPU at these sizes."""
    unet: UNet2DConditionModel = UNet2DConditionModel.from_pretrained(
        toybox, subfolder="unet", torch_dtype=torch.float32
    )
    unet.set_attn_processor(AttnProcessor())
    return unet


def prompt_width(toybox: Path) -> int:
    """How wide the embeddings of its prompts are."""
    width: int = CLIPTextConfig.from_pretrained(toybox / "text_encoder").hidden_size
    return width


def tokens_of(toybox: Path, captions: Sequence[str]) -> Tensor:
    """Token ids, int64[captions, 77]."""
    reader = CLIPTokenizer.from_pretrained(toybox / "tokenizer")
    ids: Tensor = reader(
        list(captions), padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids
    return ids


class TrainedOnToybox(Trained):
    """A part that predicts noise in toybox's latents; the text encoder is left as it is."""

    def __init__(self, settings: Prompted, lesson: Lesson) -> None:
        super().__init__()
        self.settings, self.lesson = settings, lesson
        self._text: list[CLIPTextModel] = []  # in a list, it is no part of what is trained and saved
        self._tokens = tokens_of(lesson.toybox, lesson.captions)
        self._nothing = tokens_of(lesson.toybox, [""])[0]
        self._alphas: Tensor = DDPMScheduler(**BETAS).alphas_cumprod
        self._latents: list[Latents] = []

    def place(self, device: torch.device) -> None:
        """Latents, captions and the text encoder."""
        text = CLIPTextModel.from_pretrained(
            self.lesson.toybox / "text_encoder", dtype=torch.float32, attn_implementation="eager"
        )
        self._text = [text.to(device).eval().requires_grad_(requires_grad=False)]
        read = read_latents(self.lesson.latents)
        self._latents = [Latents(read.means.to(device), read.deviations.to(device), read.scaling_factor)]
        self._alphas = self._alphas.to(device)
        self._tokens, self._nothing = self._tokens.to(device), self._nothing.to(device)

    @property
    def scale(self) -> float:
        """What brings latents to unit deviation."""
        return self._latents[0].scaling_factor

    def said(self, tokens: Tensor) -> Tensor:
        """The prompt's embeddings, float[batch, 77, width]."""
        with torch.no_grad():
            embeddings: Tensor = self._text[0](tokens)[0]
        return embeddings

    def noised(self, chosen: Tensor, chance: Chance) -> Noised:
        """The chosen scenes' latents with fresh noise, at random timesteps, and their captions or none."""
        held = self._latents[0]
        means, deviations = held.means[chosen].float(), held.deviations[chosen].float()
        latent = (means + deviations * chance.normal(*means.shape)) * self.scale
        noise = chance.normal(*latent.shape)
        timesteps = chance.integers(1_000, len(chosen))
        alpha = self._alphas[timesteps].view(-1, 1, 1, 1)
        tokens = self._tokens[chosen]
        tokens[chance.uniform(len(chosen)) < self.settings.unprompted] = self._nothing
        return Noised(alpha.sqrt() * latent + (1 - alpha).sqrt() * noise, noise, timesteps, tokens)

    def chosen(self, chance: Chance, count: int | None = None) -> Tensor:
        """Which scenes the next batch has, of the first `count` or of all: int64[batch]."""
        return chance.integers(count or len(self._latents[0].means), self.settings.batch)

    def loss(self, predicted: Tensor, noise: Tensor, timesteps: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The squared error with min-SNR weights, and the plain one."""
        errors = (predicted.float() - noise).square().mean((1, 2, 3))
        ratio = self.ratio(timesteps)
        return (errors * ratio.clamp(max=self.settings.snr) / ratio).mean(), {"mse": errors.mean()}

    def ratio(self, timesteps: Tensor) -> Tensor:
        """Of signal to noise in power, float[batch]."""
        alpha = self._alphas[timesteps]
        return alpha / (1 - alpha)
