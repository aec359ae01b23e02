"""Several entries on a side: what is drawn where and when, against a loop written out by hand."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import diffusers
import pytest
import torch

from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.regions import coverage, refuse_gaps
from sdflow.diffusion.samplers import SAMPLERS, canonical
from sdflow.problems import UserError
from sdflow.values import Area, Conditioning, Encoded, Entry, EntrySpec, Span, State
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import QUICK, conditioning, noise, pipeline_with, request, run_pipeline

LEFT, RIGHT = Area(0, 0, 0.5, 1), Area(0.5, 0, 0.5, 1)
EARLY, LATE = Span(until_step=2), Span(from_step=2)
# float[entries, batch, 1, h, w] of each step; the weights of negatives and positives.
Shares = Callable[[int], tuple[torch.Tensor, torch.Tensor]]


def entry(tiny: Modules, prompt: str, **more: Any) -> Entry:
    """One embedded prompt."""
    return replace(conditioning(tiny, prompt).positive[0], **more)


def by_hand(
    unet: Any,
    wanted: DenoiseRequest,
    negatives: Sequence[Entry],
    positives: Sequence[Entry],
    shares: Shares,
) -> torch.Tensor:
    """DDIM with one evaluation for each entry, and averages taken as the shares of each step say."""
    scheduler = diffusers.DDIMScheduler.from_config(dict(wanted.scheduler_config))
    scheduler.set_timesteps(wanted.steps)
    sample = wanted.latent.samples

    def predicted(it: Entry, timestep: torch.Tensor) -> torch.Tensor:
        given = it.embeddings.expand(len(sample), -1, -1)
        prediction: torch.Tensor = unet(sample, timestep, encoder_hidden_states=given, return_dict=False)[0]
        return prediction

    with torch.no_grad():
        for step, timestep in enumerate(scheduler.timesteps):
            of_negative, of_positive = shares(step)
            positive = sum(
                share * predicted(it, timestep) for share, it in zip(of_positive, positives, strict=True)
            )
            negative = sum(
                share * predicted(it, timestep) for share, it in zip(of_negative, negatives, strict=True)
            )
            guided = negative + wanted.guidance * (positive - negative)
            sample = scheduler.step(guided, timestep, sample, return_dict=False)[0]
    return sample


def constant(*shares: float, size: int = 8) -> torch.Tensor:
    return torch.tensor(shares).view(-1, 1, 1, 1, 1).expand(-1, 1, 1, size, size)


def sides(size: int = 8) -> torch.Tensor:
    """The left half belongs to the first, the right half to the second."""
    shares = torch.zeros(2, 1, 1, size, size)
    shares[0, ..., : size // 2] = 1
    shares[1, ..., size // 2 :] = 1
    return shares


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal up to the rounding of batches of different sizes: two millionths of the largest value."""
    return float((one - other).abs().max()) <= 2e-6 * float(other.abs().max())


def with_entries(tiny: Modules, positive: Sequence[Entry], negative: Sequence[Entry]) -> DenoiseRequest:
    return request(tiny, canonical("ddim"), conditioning=Conditioning(tuple(positive), tuple(negative)))


def test_strengths_weigh_the_predictions(tiny: Modules) -> None:
    positive = [entry(tiny, "a horse", strength=3.0), entry(tiny, "a cat")]
    negative = [entry(tiny, "blurry"), entry(tiny, "ugly")]
    wanted = with_entries(tiny, positive, negative)
    theirs = by_hand(
        tiny.unet, wanted, negative, positive, lambda _: (constant(0.5, 0.5), constant(0.75, 0.25))
    )
    made = denoise(wanted, unet=tiny.unet).samples
    assert close(made, theirs)
    equal = with_entries(tiny, [replace(it, strength=1.0) for it in positive], negative)
    assert not close(made, denoise(equal, unet=tiny.unet).samples)


def test_prompts_added_up_are_their_average_at_a_higher_scale(tiny: Modules) -> None:
    """Negative plus scale times the sum of w · (positive - negative) (conjunction in arXiv:2206.01714; A1111's AND)."""
    positive = [entry(tiny, "a horse", strength=1.0), entry(tiny, "a cat", strength=0.5)]
    negative = entry(tiny, "blurry")
    wanted = replace(with_entries(tiny, positive, [negative]), guidance=4.0 * 1.5)
    scheduler = diffusers.DDIMScheduler.from_config(dict(wanted.scheduler_config))
    scheduler.set_timesteps(wanted.steps)
    sample = wanted.latent.samples
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            unwanted, *found = (
                tiny.unet(sample, timestep, it.embeddings.expand(2, -1, -1), return_dict=False)[0]
                for it in (negative, *positive)
            )
            guided = unwanted + 4.0 * sum(
                it.strength * (prediction - unwanted) for it, prediction in zip(positive, found, strict=True)
            )
            sample = scheduler.step(guided, timestep, sample, return_dict=False)[0]
    assert close(denoise(wanted, unet=tiny.unet).samples, sample)


def test_areas_share_the_picture(tiny: Modules) -> None:
    positive = [entry(tiny, "a horse", area=LEFT), entry(tiny, "a cat", area=RIGHT)]
    negative = [entry(tiny, "blurry")]
    wanted = with_entries(tiny, positive, negative)
    theirs = by_hand(tiny.unet, wanted, negative, positive, lambda _: (constant(1.0), sides()))
    made = denoise(wanted, unet=tiny.unet).samples
    assert close(made, theirs)
    swapped = with_entries(
        tiny, [replace(positive[0], area=RIGHT), replace(positive[1], area=LEFT)], negative
    )
    assert not close(made, denoise(swapped, unet=tiny.unet).samples)


def test_a_mask_of_a_rectangle_is_its_area(tiny: Modules) -> None:
    areas = [Area(0, 0, 0.3, 1), Area(0.3, 0, 0.7, 1)]
    positive = [entry(tiny, "a horse", area=areas[0]), entry(tiny, "a cat", area=areas[1])]
    mask = torch.zeros(1, 80, 80, dtype=torch.uint8)
    mask[..., :24] = 255
    masked = [entry(tiny, "a horse", mask=mask), entry(tiny, "a cat", mask=255 - mask)]
    one, other = (
        denoise(with_entries(tiny, it, [entry(tiny, "blurry")]), unet=tiny.unet).samples
        for it in (positive, masked)
    )
    assert close(one, other)


def test_each_item_of_a_batch_has_its_own_mask_and_prompts(tiny: Modules) -> None:
    masks = torch.zeros(2, 64, 64, dtype=torch.uint8)
    masks[0, :, :32], masks[1, :32] = 255, 255
    two = torch.cat([entry(tiny, "a horse").embeddings, entry(tiny, "an owl").embeddings])
    positive = [Entry(two, mask=masks), entry(tiny, "a cat", mask=255 - masks)]
    made = denoise(with_entries(tiny, positive, [entry(tiny, "blurry")]), unet=tiny.unet).samples
    for item in range(2):
        alone = [
            Entry(two[item : item + 1], mask=masks[item : item + 1]),
            entry(tiny, "a cat", mask=255 - masks[item : item + 1]),
        ]
        wanted = replace(
            with_entries(tiny, alone, [entry(tiny, "blurry")]),
            latent=noise((3 + item,)),
        )
        assert close(made[item : item + 1], denoise(wanted, unet=tiny.unet).samples)


def test_where_no_mask_counts_entries_are_weighed_by_strength_alone(tiny: Modules) -> None:
    mask = torch.zeros(1, 64, 64, dtype=torch.uint8)
    mask[..., :32] = 255
    positive = [entry(tiny, "a horse", mask=mask, strength=3.0), entry(tiny, "a cat", mask=mask)]
    plain = [replace(it, mask=None) for it in positive]
    one, other = (
        denoise(with_entries(tiny, it, [entry(tiny, "blurry")]), unet=tiny.unet).samples
        for it in (positive, plain)
    )
    assert torch.equal(one, other)


def test_where_no_negative_counts_there_is_no_guidance(tiny: Modules) -> None:
    positive, negative = [entry(tiny, "a horse")], [entry(tiny, "blurry", area=LEFT)]
    wanted = with_entries(tiny, positive, negative)
    # Against itself a prediction is guided nowhere.
    theirs = by_hand(tiny.unet, wanted, [*negative, *positive], positive, lambda _: (sides(), constant(1.0)))
    assert close(denoise(wanted, unet=tiny.unet).samples, theirs)


def test_of_a_step_without_a_negative_it_is_the_prompt_alone(tiny: Modules) -> None:
    never = Span(from_step=5)
    wanted = with_entries(tiny, [entry(tiny, "a horse")], [entry(tiny, "blurry", span=never)])
    unguided = replace(with_entries(tiny, [entry(tiny, "a horse")], []), guidance=1.0)
    assert torch.equal(
        denoise(wanted, unet=tiny.unet).samples,
        denoise(unguided, unet=tiny.unet).samples,
    )


def test_longer_prompts_stand_beside_shorter_ones(tiny: Modules) -> None:
    """77, 154 and 231 tokens: repeated to 462 in one batch, evaluated as they are by hand."""
    one, two, three = (entry(tiny, prompt) for prompt in ("a horse", "a cat", "an owl"))
    longer = Entry(torch.cat([two.embeddings, three.embeddings], dim=1))
    longest = Entry(torch.cat([two.embeddings, three.embeddings, one.embeddings], dim=1))
    negative = [entry(tiny, "blurry")]
    wanted = with_entries(tiny, [longer, longest], negative)
    theirs = by_hand(
        tiny.unet, wanted, negative, [longer, longest], lambda _: (constant(1.0), constant(0.5, 0.5))
    )
    assert close(denoise(wanted, unet=tiny.unet).samples, theirs)


@pytest.mark.parametrize("name", ["ddim", "pndm", "heun", "euler-ancestral", "dpm++-2m"])
def test_a_schedule_of_prompts_is_the_pipeline_with_the_prompt_exchanged(tiny: Modules, name: str) -> None:
    seeds = (3, 4)
    first, then = entry(tiny, "a horse", span=EARLY), entry(tiny, "a cat", span=LATE)
    negative = conditioning(tiny).negative
    wanted = request(tiny, SAMPLERS[name], seeds, conditioning=Conditioning((first, then), negative))
    both = replace(wanted, conditioning=Conditioning((first,), negative))
    evaluations = {"heun": 4, "pndm": 3}.get(name, 2)

    def exchange(_pipeline: Any, number: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        # Called after each evaluation: from here on, the other prompt.
        if number + 1 == evaluations:
            unwanted, prompt = tensors["prompt_embeds"].chunk(2)
            changed = then.embeddings.expand(len(prompt), -1, -1)
            return {**tensors, "prompt_embeds": torch.cat([unwanted, changed])}
        return tensors

    given = {
        "height": 64,
        "width": 64,
        "callback_on_step_end": exchange,
        "callback_on_step_end_tensor_inputs": ["prompt_embeds"],
    }
    theirs = run_pipeline(pipeline_with(tiny, name), both, seeds, given)
    assert torch.equal(denoise(wanted, unet=tiny.unet).samples, theirs)


def test_alternating_prompts(tiny: Modules) -> None:
    positive = [
        entry(tiny, "a horse", span=Span(turns=((0, 2),))),
        entry(tiny, "a cat", span=Span(turns=((1, 2),))),
    ]
    negative = [entry(tiny, "blurry")]
    wanted = with_entries(tiny, positive, negative)
    theirs = by_hand(
        tiny.unet,
        wanted,
        negative,
        positive,
        lambda step: (constant(1.0), constant(1.0 - step % 2, step % 2)),
    )
    assert close(denoise(wanted, unet=tiny.unet).samples, theirs)


def test_an_entry_of_strength_0_is_not_evaluated(tiny: Modules) -> None:
    one, none = entry(tiny, "a horse"), entry(tiny, "a cat", strength=0.0)
    negative = [entry(tiny, "blurry")]
    assert torch.equal(
        denoise(with_entries(tiny, [one, none], negative), unet=tiny.unet).samples,
        denoise(with_entries(tiny, [one], negative), unet=tiny.unet).samples,
    )


def test_an_entry_beside_itself_changes_nothing(tiny: Modules) -> None:
    one, negative = entry(tiny, "a horse"), [entry(tiny, "blurry")]
    assert close(
        denoise(with_entries(tiny, [one, one], negative), unet=tiny.unet).samples,
        denoise(with_entries(tiny, [one], negative), unet=tiny.unet).samples,
    )


class Counting:
    """A UNet that says how large the batches are that it is given."""

    def __init__(self, unet: Any) -> None:
        self.config, self.dtype, self._unet = unet.config, unet.dtype, unet
        self.batches: list[int] = []

    def __call__(self, sample: torch.Tensor, *given: Any, **more: Any) -> Any:
        self.batches.append(len(sample))
        return self._unet(sample, *given, **more)


def test_only_what_counts_is_evaluated_and_all_of_it_at_once(tiny: Modules) -> None:
    positive = [
        entry(tiny, "a horse"),
        entry(tiny, "a cat", span=EARLY),
        entry(tiny, "an owl", span=Span(from_=0.8)),
    ]
    unet = Counting(QUICK)
    denoise(with_entries(tiny, positive, [entry(tiny, "blurry", span=Span(from_step=1))]), unet=unet)
    assert unet.batches == [2 * entries for entries in (2, 3, 2, 2, 3)]


@pytest.mark.parametrize("name", ["ddim", "pndm", "dpm++-2m", "unipc", "heun", "dpm++-sde"])
def test_resumed_with_spans_and_areas_it_is_the_same(tiny: Modules, name: str) -> None:
    positive = [
        entry(tiny, "a horse", span=EARLY),
        entry(tiny, "a cat", span=LATE, area=LEFT),
        entry(tiny, "an owl", span=LATE, area=RIGHT, strength=0.5),
    ]
    wanted = replace(with_entries(tiny, positive, [entry(tiny, "blurry")]), sampler=SAMPLERS[name])
    states: list[State] = []
    whole = denoise(wanted, unet=tiny.unet, capture=lambda _step: True, on_state=states.append)
    for state in states[1:4]:
        stored = State.decode(Encoded.from_bytes(state.encode().to_bytes()))
        assert torch.equal(denoise(wanted, unet=tiny.unet, resume=stored).samples, whole.samples)


def test_in_two_parts_spans_count_steps_of_the_whole_schedule(tiny: Modules) -> None:
    first, then = entry(tiny, "a horse", span=EARLY), entry(tiny, "a cat", span=LATE)
    negative = (entry(tiny, "blurry"),)
    wanted = with_entries(tiny, [first, then], negative)
    whole = denoise(wanted, unet=tiny.unet).samples
    for place in (1, 2, 4):
        half = denoise(replace(wanted, end_step=place), unet=tiny.unet)
        assert torch.equal(denoise(replace(wanted, latent=half), unet=tiny.unet).samples, whole)
    early = replace(wanted, conditioning=Conditioning((replace(first, span=Span()),), negative), end_step=2)
    late = replace(wanted, conditioning=Conditioning((replace(then, span=Span()),), negative))
    half = denoise(early, unet=tiny.unet)
    assert torch.equal(denoise(replace(late, latent=half), unet=tiny.unet).samples, whole)


def test_a_step_without_a_prompt_is_refused_before_anything_is_computed(tiny: Modules) -> None:
    unet = Counting(QUICK)
    wanted = with_entries(tiny, [entry(tiny, "a horse", span=EARLY)], [entry(tiny, "blurry")])
    with pytest.raises(UserError, match="no part of the prompt counts in step 2 of 5") as caught:
        denoise(wanted, unet=unet)
    assert caught.value.problems[0].code == "SDF413"
    assert not unet.batches
    denoise(replace(wanted, end_step=2), unet=unet)
    assert len(unet.batches) == 2


# Areas → whether they leave no gap on a latent of 8 × 8.
COVERS: list[tuple[list[Area | None], bool]] = [
    ([LEFT, RIGHT], True),
    ([LEFT], False),
    ([LEFT, None], True),
    ([Area(0, 0, 1 / 3, 1), Area(1 / 3, 0, 1 / 3, 1), Area(2 / 3, 0, 1 / 3, 1)], True),
    ([Area(0, 0, 0.49, 1), Area(0.51, 0, 0.49, 1)], True),  # less than an element between them
    ([Area(0, 0, 0.3, 1), Area(0.6, 0, 0.4, 1)], False),
    ([Area(0, 0, 1, 0.5), Area(0, 0.5, 0.5, 0.5)], False),
    ([Area(0, 0, 1, 0.5), Area(0, 0.5, 0.5, 0.5), Area(0.5, 0.5, 0.5, 0.5)], True),
]


@pytest.mark.parametrize(("areas", "covers"), COVERS)
def test_gaps_between_areas_are_found_beforehand(areas: list[Area | None], covers: bool) -> None:
    specs = [EntrySpec(77, area=area) for area in areas]
    with nullcontext() if covers else pytest.raises(UserError, match="covers the picture at"):
        refuse_gaps(specs, first=0, last=3, steps=3, height=8, width=8)


def test_coverage_is_the_part_of_each_element() -> None:
    assert coverage(0.25, 0.5, 4) == [0, 1, 1, 0]
    assert coverage(0.125, 0.5, 4) == [0.5, 1, 0.5, 0]
    assert coverage(0, 1, 3) == [1, 1, 1]
