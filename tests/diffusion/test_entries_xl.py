"""Several entries on a side with SDXL: pooled embeddings and sizes follow the prompt that they belong to."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from sdflow.diffusion.denoise import denoise
from sdflow.diffusion.micro import Wishes
from sdflow.values import Area, Conditioning, Entry, Span
from tests.diffusion.conftest import XlModules
from tests.diffusion.reference_xl import conditioning, noise, pipeline_with, request, run_pipeline
from tests.diffusion.test_entries import close, sides

SEEDS = (3, 4)
WISHES = Wishes(crop=(8, 16), negative_original=(32, 32), negative_target=(64, 64))


@pytest.mark.parametrize("name", ["euler", "ddim", "dpm++-2m-karras"])
def test_a_schedule_of_prompts_is_the_pipeline_with_the_prompt_exchanged(xl: XlModules, name: str) -> None:
    first, then = (conditioning(xl, prompt).positive[0] for prompt in ("a horse", "a cat"))
    negative = conditioning(xl).negative
    scheduled = (replace(first, span=Span(until=0.5)), replace(then, span=Span(from_=0.5)))
    wanted = request(xl, name, noise(SEEDS), conditioning=Conditioning(scheduled, negative))
    plain = replace(wanted, conditioning=Conditioning((first,), negative))

    def exchange(_pipeline: Any, number: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if number != 1:
            return tensors
        changed = {"prompt_embeds": then.embeddings, "add_text_embeds": then.pooled}
        for given, tensor in changed.items():
            unwanted, prompt = tensors[given].chunk(2)
            assert tensor is not None
            changed[given] = torch.cat([unwanted, tensor.expand_as(prompt)])
        return {**tensors, **changed}

    given = {
        "height": 64,
        "width": 64,
        "callback_on_step_end": exchange,
        "callback_on_step_end_tensor_inputs": ["prompt_embeds", "add_text_embeds"],
    }
    theirs = run_pipeline(pipeline_with(xl, name), plain, SEEDS, given)
    assert torch.equal(denoise(wanted, unet=xl.unet).samples, theirs)


def test_areas_share_the_picture(xl: XlModules) -> None:
    left, right = (conditioning(xl, prompt).positive[0] for prompt in ("a horse", "a cat"))
    (unwanted,) = conditioning(xl).negative
    regions = (replace(left, area=Area(0, 0, 0.5, 1)), replace(right, area=Area(0.5, 0, 0.5, 1)))
    wanted = request(xl, "ddim", noise(SEEDS), conditioning=Conditioning(regions, (unwanted,)), wishes=WISHES)
    scheduler = pipeline_with(xl, "ddim").scheduler
    scheduler.set_timesteps(wanted.steps)
    sample, of_left, of_right = wanted.latent.samples, *sides()
    micro = wanted.micro
    assert micro is not None
    assert micro.negative != micro.positive

    def predicted(entry: Entry, numbers: tuple[float, ...], timestep: Any) -> torch.Tensor:
        assert entry.pooled is not None
        prediction: torch.Tensor = xl.unet(
            sample,
            timestep,
            encoder_hidden_states=entry.embeddings.expand(2, -1, -1),
            added_cond_kwargs={
                "text_embeds": entry.pooled.expand(2, -1),
                "time_ids": torch.tensor([numbers] * 2),
            },
            return_dict=False,
        )[0]
        return prediction

    with torch.no_grad():
        for timestep in scheduler.timesteps:
            positive = of_left * predicted(left, micro.positive, timestep)
            positive = positive + of_right * predicted(right, micro.positive, timestep)
            negative = predicted(unwanted, micro.negative, timestep)
            guided = negative + wanted.guidance * (positive - negative)
            sample = scheduler.step(guided, timestep, sample, return_dict=False)[0]
    assert close(denoise(wanted, unet=xl.unet).samples, sample)
