"""Classifier-free guidance (arXiv:2207.12598), as diffusers' Stable Diffusion pipelines compute it.

Each side of a conditioning, positive and negative, may have several entries (arXiv:2206.01714 composes predictions so).
Those that count in a step are evaluated in one batch, and the prediction of a side is their average, weighed at each
latent element. Embeddings of different lengths are repeated to their least common multiple, which attention does not
notice: each token has its share as many times as every other.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from sdflow.diffusion.micro import Micro
from sdflow.diffusion.regions import active
from sdflow.diffusion.small_latent import noise_level_and_text
from sdflow.diffusion.weights import Weights, weights_of
from sdflow.problems import problem
from sdflow.values import Conditioning, Entry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StepGuidance:
    """What the UNet is told in a step besides latent and timestep, and how its predictions are put together.

    negatives, positives: how many entries of each side count; the UNet's batch is that of the latent as many times as
        there are `sides`.
    embeddings: float[copies · batch, tokens, width].
    added: what an SDXL UNet is told beside: `text_embeds` float[copies · batch, pooled width] and `time_ids`
        float[copies · batch, 6 or 5]; None for others.
    distilled: float[copies · batch, n], the guidance scale as a guidance-distilled UNet takes it, or noise level and
        text as the latent upscaler's does; None for others.
    negative_weights, positive_weights: shares of the entries, None for one that counts everywhere.
    """

    scale: float
    rescale: float
    negatives: int
    positives: int
    embeddings: torch.Tensor
    added: dict[str, torch.Tensor] | None
    distilled: torch.Tensor | None
    negative_weights: Weights | None
    positive_weights: Weights | None

    @staticmethod
    def ordered(negative: Sequence[T], positive: Sequence[T]) -> list[tuple[T, bool]]:
        """The entries in the order in which they stand in the UNet's batch, and whether each is of the prompt."""
        return [*((it, False) for it in negative), *((it, True) for it in positive)]

    @property
    def sides(self) -> tuple[bool, ...]:
        """For each time that the latent stands in the UNet's batch, whether that is with the prompt."""
        return tuple(of_prompt for _, of_prompt in self.ordered(range(self.negatives), range(self.positives)))

    @property
    def copies(self) -> int:
        """How many times the latent stands in the UNet's batch."""
        return len(self.sides)

    @property
    def perturbed(self) -> int:
        """How many of the last copies are evaluated with perturbed attention."""
        return 0

    @property
    def unshown(self) -> int:
        """How many of the last copies are not shown the picture to edit."""
        return 0

    def combine(self, prediction: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:  # noqa: ARG002  # others need it
        """The guided prediction, float[batch, …], out of what the UNet returned."""
        parts = prediction.chunk(self.copies)
        positive = self.average_of_prompt(parts[self.negatives :])
        if not self.negatives:
            return positive
        negative = self.average_of_negative(parts[: self.negatives], positive)
        return self.rescaled(negative + self.scale * (positive - negative), positive)

    def average_of_prompt(self, predictions: Sequence[torch.Tensor]) -> torch.Tensor:
        """The prediction of the positive side."""
        return _average(predictions, self.positive_weights)

    def average_of_negative(
        self, predictions: Sequence[torch.Tensor], positive: torch.Tensor
    ) -> torch.Tensor:
        """The prediction of the negative side; where none counts it is the positive one, so that nothing guides."""
        negative = _average(predictions, self.negative_weights)
        if self.negative_weights is None:
            return negative
        return torch.where(self.negative_weights.covered, negative, positive)

    def rescaled(self, guided: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        """The guided prediction, rescaled where that is asked for."""
        return rescale_guided(guided, positive, self.rescale) if self.rescale > 0 else guided


class Guidance:
    """The guidance of a run: for each of its steps what `StepGuidance` says.

    Guidance is on above a scale of 1, unless the UNet takes the scale as an input, and in steps in which a negative
    counts.
    """

    def __init__(
        self,
        conditioning: Conditioning,
        unet: Any,
        *,
        scale: float,
        rescale: float,
        steps: int,
        shape: tuple[int, int, int],
        device: torch.device,
        dtype: torch.dtype,
        micro: Micro | None = None,
        kind: type[StepGuidance] = StepGuidance,
        options: Mapping[str, Any] | None = None,
        upscales: bool = False,
    ) -> None:
        """`steps` are those of the whole schedule, `shape` is the latent's (batch, height, width).

        `micro` is for UNets that take pooled embeddings and sizes. `kind` is how predictions are put together, made
        with its own `options`. `upscales` says that the UNet is the latent upscaler's, which is
        told a noise level and the pooled text where a guidance-distilled one takes the scale.
        """
        self._width: int | None = None if upscales else unet.config.time_cond_proj_dim
        self._upscales = upscales
        self._positive = conditioning.positive
        self._negative = conditioning.negative if scale > 1 and self._width is None else ()
        self._scale, self._rescale, self._steps, self._shape = scale, rescale, steps, shape
        self._device, self._dtype, self._micro = device, dtype, micro
        self._kind, self._options = kind, dict(options or {})
        self._made: dict[tuple[tuple[int, ...], tuple[int, ...]], StepGuidance] = {}

    def at(self, step: int) -> StepGuidance:
        """The guidance in a step of the schedule.

        Raises:
            UserError: SDF409, embeddings or masks that do not fit the batch; SDF413, no positive entry counts.
        """
        negative = active(self._negative, step, self._steps)
        positive = active(self._positive, step, self._steps)
        if not positive:
            raise problem("SDF413", f"no part of the prompt counts in step {step} of {self._steps}")
        if (negative, positive) not in self._made:
            self._made[negative, positive] = self._make(
                [self._negative[place] for place in negative], [self._positive[place] for place in positive]
            )
        return self._made[negative, positive]

    def _make(self, negative: list[Entry], positive: list[Entry]) -> StepGuidance:
        batch, height, width = self._shape
        device, dtype = self._device, self._dtype
        entries = self._kind.ordered(negative, positive)
        return self._kind(
            self._scale,
            self._rescale,
            len(negative),
            len(positive),
            _embeddings([entry for entry, _ in entries], batch).to(device=device, dtype=dtype),
            self._added(entries),
            self._distilled(entries),
            weights_of(negative, batch, height, width, device=device, dtype=dtype) if negative else None,
            weights_of(positive, batch, height, width, device=device, dtype=dtype),
            **self._options,
        )

    def _distilled(self, entries: list[tuple[Entry, bool]]) -> torch.Tensor | None:
        """The guidance scale, embedded, for a UNet that takes it as an input; or what the latent upscaler is told."""
        if self._upscales:
            pooled = _pooled([entry for entry, _ in entries], self._shape[0])
            return noise_level_and_text(pooled).to(device=self._device, dtype=self._dtype)
        if self._width is None:
            return None
        scales = torch.tensor(self._scale - 1).repeat(self._shape[0] * len(entries))
        return guidance_embedding(scales, self._width).to(device=self._device, dtype=self._dtype)

    def _added(self, entries: list[tuple[Entry, bool]]) -> dict[str, torch.Tensor] | None:
        """Pooled embeddings and sizes."""
        micro = self._micro
        if micro is None:
            return None
        batch = self._shape[0]
        rows = [
            micro.positive if of_prompt else micro.negative for _, of_prompt in entries for _ in range(batch)
        ]
        return {
            "text_embeds": _pooled([entry for entry, _ in entries], batch).to(
                device=self._device, dtype=self._dtype
            ),
            "time_ids": torch.tensor(rows, dtype=self._dtype, device=self._device),
        }


def rescale_guided(guided: torch.Tensor, positive: torch.Tensor, factor: float) -> torch.Tensor:
    """Pull the guided prediction's deviation towards that of the positive one (arXiv:2305.08891, 3.4)."""
    dims = list(range(1, positive.ndim))
    deviation = positive.std(dim=dims, keepdim=True)
    rescaled = guided * (deviation / guided.std(dim=dims, keepdim=True))
    return factor * rescaled + (1 - factor) * guided


def guidance_embedding(scales: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of guidance scales, float32[n, width] (arXiv:2210.03142, as in diffusers)."""
    half = width // 2
    rate = torch.log(torch.tensor(10000.0)) / (half - 1)
    frequencies = torch.exp(torch.arange(half, dtype=torch.float32) * -rate)
    angles = (scales * 1000.0).to(torch.float32)[:, None] * frequencies[None, :]
    embedding = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
    return torch.nn.functional.pad(embedding, (0, width % 2))


def _average(predictions: Sequence[torch.Tensor], weights: Weights | None) -> torch.Tensor:
    return predictions[0] if weights is None else weights.average(predictions)


def _embeddings(entries: Sequence[Entry], batch: int) -> torch.Tensor:
    """Of all entries, one after the other, float[entries · batch, tokens, width]."""
    tokens = math.lcm(*(entry.embeddings.shape[1] for entry in entries))
    found = [
        _of_items(entry.embeddings.repeat(1, tokens // entry.embeddings.shape[1], 1), batch)
        for entry in entries
    ]
    return found[0] if len(found) == 1 else torch.cat(found)


def _pooled(entries: Sequence[Entry], batch: int) -> torch.Tensor:
    """Of all entries, one after the other, float[entries · batch, width]."""
    found = [_of_items(entry.pooled, batch) for entry in entries if entry.pooled is not None]
    if len(found) != len(entries):
        raise problem("SDF409", "the model takes pooled embeddings, and parts of the conditioning have none")
    return torch.cat(found)


def _of_items(tensor: torch.Tensor, batch: int) -> torch.Tensor:
    """One row for each item: one prompt serves every item, several serve as many items each."""
    if batch % len(tensor):
        hint = "give one, or one for each item"
        raise problem("SDF409", f"{len(tensor)} prompts for a batch of {batch}", hint=hint)
    return tensor.repeat_interleave(batch // len(tensor), dim=0)
