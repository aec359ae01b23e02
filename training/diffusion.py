"""The text encoder and the UNet, trained together to predict the noise in latents."""

from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.chance import Chance
from training.config import Diffusion
from training.fit import Trained, weights
from training.latents import read_latents

BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1_000,
}


def build_text_encoder(settings: Diffusion, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """CLIPTextModel with random weights."""
    wanted = settings.text
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=wanted.width,
            intermediate_size=3 * wanted.width,
            projection_dim=wanted.width,
            num_hidden_layers=wanted.layers,
            num_attention_heads=wanted.heads,
            max_position_embeddings=77,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            attn_implementation="eager",  # so short a text is faster without a fused kernel on a CPU
        )
    )


def build_unet(settings: Diffusion) -> UNet2DConditionModel:
    """UNet2DConditionModel with random weights."""
    wanted = settings.unet
    down = ["CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in wanted.attends]
    up = ["CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(wanted.attends)]
    return UNet2DConditionModel(
        sample_size=16,
        down_block_types=down,
        up_block_types=up,
        block_out_channels=wanted.channels,
        layers_per_block=wanted.layers,
        cross_attention_dim=settings.text.width,
        # The field is called a dimension for historical reasons; for this class it is the number of heads.
        attention_head_dim=tuple(max(1, channels // wanted.head) for channels in wanted.channels),
        norm_num_groups=16,
    )


class TrainedDiffusion(Trained):
    """The noise prediction's squared error, with min-SNR weights."""

    def __init__(self, settings: Diffusion, tokenizer: Path, latents: Path, captions: Sequence[str]) -> None:
        super().__init__()
        self.settings = settings
        reader = CLIPTokenizer.from_pretrained(tokenizer)
        self.text, self.unet = build_text_encoder(settings, reader), build_unet(settings)
        self.unet.set_attn_processor(AttnProcessor())  # on a CPU the plain one is faster at these sizes
        padded = {"padding": "max_length", "max_length": 77, "truncation": True, "return_tensors": "pt"}
        self._tokens: Tensor = reader(list(captions), **padded).input_ids
        self._nothing: Tensor = reader([""], **padded).input_ids[0]
        self._alphas: Tensor = DDPMScheduler(**BETAS).alphas_cumprod
        self._path = latents
        self._means = self._deviations = torch.empty(0)
        self._scale = 1.0

    def place(self, device: torch.device) -> None:
        """Latents and captions."""
        read = read_latents(self._path)
        self._means, self._deviations = read.means.to(device), read.deviations.to(device)
        self._scale, self._alphas = read.scaling_factor, self._alphas.to(device)
        self._tokens, self._nothing = self._tokens.to(device), self._nothing.to(device)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of latents [batch, 4, 16, 16], noise, timesteps [batch] and token ids [batch, 77]."""
        latent, noise, timesteps, tokens = batch
        alpha = self._alphas[timesteps].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * latent + (1 - alpha).sqrt() * noise
        predicted = self.unet(noisy, timesteps, self.text(tokens)[0]).sample
        errors = (predicted.float() - noise).square().mean((1, 2, 3))
        ratio = (alpha / (1 - alpha)).flatten()
        loss = (errors * ratio.clamp(max=self.settings.snr) / ratio).mean()
        return loss, {"mse": errors.mean()}

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Random latents with fresh noise, random timesteps, and their captions or none."""
        size = self.settings.batch
        chosen = chance.integers(len(self._means), size)
        means, deviations = self._means[chosen].float(), self._deviations[chosen].float()
        latent = (means + deviations * chance.normal(*means.shape)) * self._scale
        noise = chance.normal(*latent.shape) + self.settings.offset_noise * chance.normal(size, 4, 1, 1)
        timesteps = chance.integers(1_000, size)
        tokens = self._tokens[chosen]
        tokens[chance.uniform(size) < self.settings.unprompted] = self._nothing
        return latent, noise, timesteps, tokens

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """Embeddings, and the convolutions from and to latents."""
        embeddings = (part for part in self.text.modules() if isinstance(part, nn.Embedding))
        return frozenset(weights(*embeddings, self.unet.conv_in, self.unet.conv_out))
