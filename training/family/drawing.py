"""Draws with what was trained, by diffusers' own pipelines, in float32."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    DDPMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionUpscalePipeline,
    UNet2DConditionModel,
)
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

Pictures = npt.NDArray[np.uint8]
_BATCH = 8


def plain(toybox: Path) -> Any:
    """Toybox itself."""
    return _quiet(StableDiffusionPipeline.from_pretrained(toybox, safety_checker=None, dtype=torch.float32))


def inpainting(toybox: Path, folder: Path | None) -> Any:
    """With the UNet of `folder`; without it, toybox's own, which is put back outside the mask after every step."""
    parts = plain(toybox).components
    if folder:
        parts["unet"] = UNet2DConditionModel.from_pretrained(folder / "unet")
    return _quiet(StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False))


def controlled(toybox: Path, folder: Path) -> Any:
    """With the ControlNet of `folder`."""
    net = ControlNetModel.from_pretrained(folder)
    parts = plain(toybox).components
    return _quiet(StableDiffusionControlNetPipeline(**parts, controlnet=net, requires_safety_checker=False))


def upscaling(toybox: Path, folder: Path) -> Any:
    """toybox-x4 with the text encoder of toybox."""
    return _quiet(
        StableDiffusionUpscalePipeline(
            vae=AutoencoderKL.from_pretrained(folder / "vae"),
            text_encoder=CLIPTextModel.from_pretrained(toybox / "text_encoder"),
            tokenizer=CLIPTokenizer.from_pretrained(toybox / "tokenizer"),
            unet=UNet2DConditionModel.from_pretrained(folder / "unet"),
            low_res_scheduler=DDPMScheduler.from_pretrained(folder / "low_res_scheduler"),
            scheduler=DDIMScheduler.from_pretrained(folder / "scheduler"),
            max_noise_level=350,
        )
    )


def _quiet(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(
    pipeline: Callable[..., Any],
    prompts: Sequence[str],
    given: Callable[[slice], dict[str, Any]] = lambda _: {},
    **settings: Any,
) -> Pictures:
    """A picture of every prompt, its seed being its place; `given` says what else some of them are given."""
    parts: list[Pictures] = []
    for start in range(0, len(prompts), _BATCH):
        here = slice(start, min(start + _BATCH, len(prompts)))
        generators = [torch.Generator().manual_seed(seed) for seed in range(here.start, here.stop)]
        made = pipeline(
            list(prompts[here]), generator=generators, output_type="np", **given(here), **settings
        )
        parts.append((made.images * 255).round().astype(np.uint8))
    return np.concatenate(parts)


def as_images(pictures: npt.NDArray[Any]) -> list[Image.Image]:
    """Pictures or masks for diffusers."""
    return [Image.fromarray(it.astype(np.uint8) * 255 if it.dtype == bool else it) for it in pictures]
