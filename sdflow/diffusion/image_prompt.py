"""Pictures as prompts in the denoising loop: a UNet's cross-attention with IP-Adapters (arXiv:2308.06721).

diffusers' attention processors compute; they are installed for the length of a run, with the adapters' weights in
place of their own, and told of the pictures by the run. The UNet itself and its configuration stay as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import PIL.Image
import torch
from diffusers.image_processor import IPAdapterMaskProcessor
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0

from sdflow.diffusion.aid import Evaluation
from sdflow.values import ImagePrompt, Mask

_TEXT = "attn2.processor"
"""What the processors of cross-attention are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturePrompt:
    """Pictures with the adapter that they are shown through.

    adapter: an `IpAdapter` on the UNet's device, in its precision.
    weight: how strongly they count; `blocks` are factors for parts of the UNet by the beginning of their paths, and 0
        for all others; without them, all count fully.
    mask: where they count, of one item; what is above half does.
    start, end: the fractions of the evaluations between which they count, as those of a ControlNet.
    """

    adapter: Any
    pictures: ImagePrompt
    weight: float
    blocks: Mapping[str, float] = field(default_factory=dict)
    mask: Mask | None = None
    start: float = 0.0
    end: float = 1.0

    def weight_at(self, path: str) -> float:
        """How strongly the pictures count in an attention of the UNet; of several blocks, the last one that fits."""
        if not self.blocks:
            return self.weight
        fitting = [factor for block, factor in self.blocks.items() if path.startswith(f"{block}.")]
        return self.weight * fitting[-1] if fitting else 0.0


class PicturePrompts:
    """All pictures of a run, as an aid of the denoising loop."""

    def __init__(self, prompts: Sequence[PicturePrompt], *, batch: int, height: int, width: int) -> None:
        """`batch` is that of the latent, `height` and `width` are the picture's in pixels."""
        self._prompts, self._batch = prompts, batch
        self._masks = [_mask(prompt.mask, height, width) for prompt in prompts]
        self._made: dict[tuple[bool, ...], list[torch.Tensor]] = {}
        self._shown = _Shown()

    @contextmanager
    def opened(self, unet: Any) -> Iterator[None]:
        """Install processors for the UNet's attention to text, and put back those that it had."""
        before = dict(unet.attn_processors)
        paths = [name for name in before if name.endswith(_TEXT)]
        own = {path: self._processor(number, path) for number, path in enumerate(paths)}
        unet.set_attn_processor({**before, **own})
        try:
            yield
        finally:
            unet.set_attn_processor(before)
            self._made.clear()

    def arguments(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """The pictures, under a name that other processors pass over; ours are told which of them count."""
        sides = evaluation.guidance.sides
        if sides not in self._made:
            self._made[sides] = [self._tokens(prompt, sides) for prompt in self._prompts]
        self._shown.counts = [evaluation.within(it.start, it.end) for it in self._prompts]
        return {"cross_attention_kwargs": {"ip_hidden_states": self._made[sides]}}

    def _tokens(self, prompt: PicturePrompt, sides: Sequence[bool]) -> torch.Tensor:
        """The pictures as tokens for every row of the UNet's batch, float[rows, pictures, tokens, context].

        They are projected for all rows together, as the UNet of the pipelines does it. Under a mask, the pictures of
        one prompt are one long row of tokens: it says where they count, and not how.
        """
        shown = [prompt.pictures.positive if of_prompt else prompt.pictures.negative for of_prompt in sides]
        rows = torch.cat([side[None] for side in shown for _ in range(self._batch)])
        weight = prompt.adapter.keys[0].weight
        flat = rows.to(device=weight.device, dtype=weight.dtype).flatten(0, 1)
        tokens: torch.Tensor = prompt.adapter.projection(flat)
        tokens = tokens.reshape(rows.shape[0], rows.shape[1], *tokens.shape[1:])
        return tokens if prompt.mask is None else tokens.flatten(1, 2)[:, None]

    def _processor(self, number: int, path: str) -> "_Processor":
        keys = [prompt.adapter.keys[number] for prompt in self._prompts]
        values = [prompt.adapter.values[number] for prompt in self._prompts]
        weights = [prompt.weight_at(path) for prompt in self._prompts]
        return _Processor(keys, values, weights, self._masks, self._shown)


@dataclass(slots=True)
class _Shown:
    """Which of the pictures count in this evaluation."""

    counts: list[bool] = field(default_factory=list)


class _Processor(IPAdapterAttnProcessor2_0):  # type: ignore[misc]  # diffusers ships no types
    """diffusers' own, with layers of adapters that are loaded already."""

    def __init__(
        self,
        keys: Sequence[torch.nn.Linear],
        values: Sequence[torch.nn.Linear],
        weights: Sequence[float],
        masks: Sequence[torch.Tensor | None],
        shown: _Shown,
    ) -> None:
        first = keys[0]
        with torch.device("meta"):
            super().__init__(first.out_features, first.in_features, [0] * len(keys))
        self.to_k_ip, self.to_v_ip = torch.nn.ModuleList(keys), torch.nn.ModuleList(values)
        self._weights, self._masks, self._shown = list(weights), list(masks), shown

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
        *,
        ip_hidden_states: list[torch.Tensor],
    ) -> torch.Tensor:
        """Attend to the text, then to the pictures: tokens of each for the rows that are computed now."""
        shown = self._shown
        self.scale = [
            weight if counts else 0.0 for weight, counts in zip(self._weights, shown.counts, strict=True)
        ]
        found: torch.Tensor = super().__call__(
            attn,
            hidden_states,
            (encoder_hidden_states, ip_hidden_states),
            attention_mask,
            temb,
            ip_adapter_masks=self._masks if any(mask is not None for mask in self._masks) else None,
        )
        return found


def _mask(mask: Mask | None, height: int, width: int) -> torch.Tensor | None:
    """float32[1, 1, height, width] of zeros and ones, as diffusers' processor makes it of a picture."""
    if mask is None:
        return None
    picture = PIL.Image.fromarray(mask.pixels[0])
    made: torch.Tensor = IPAdapterMaskProcessor().preprocess(picture, height=height, width=width)
    return made
