"""The denoising loop: from noise, or a noised picture, to a clean latent. Needs torch and diffusers only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from sdflow.composition import Json
from sdflow.diffusion.aid import Aid, Evaluation, merged, opened
from sdflow.diffusion.freeu import FreeU, with_freeu
from sdflow.diffusion.guidance import Guidance
from sdflow.diffusion.item_by_item import ItemByItem
from sdflow.diffusion.kinds_of_guidance import kind_of
from sdflow.diffusion.micro import Micro
from sdflow.diffusion.pag import Pag
from sdflow.diffusion.pag_attention import perturbed, perturbed_layers
from sdflow.diffusion.regions import refuse_gaps
from sdflow.diffusion.samplers.history import History
from sdflow.diffusion.samplers.run import SamplerRun
from sdflow.diffusion.samplers.sampler import Sampler
from sdflow.diffusion.samplers.steps import StepRange, evaluations_per_step, level_after, step_range
from sdflow.diffusion.shown import shown_beside
from sdflow.diffusion.streams import draw_from, generators_of, states_of
from sdflow.diffusion.tiles import Tiling
from sdflow.diffusion.windows import Windowed
from sdflow.values import Conditioning, Latent, SmallLatent, State

_SCALE = "scale"


@dataclass(frozen=True, slots=True, kw_only=True)
class DenoiseRequest:
    """What to denoise, and how.

    latent: level noise (text to image), clean with `strength` or `start_step` (an encoded picture, which gets
        noise from its streams), or partial (goes on where another denoise ended).
    conditioning: one prompt for all items, or as many as divide them; negatives are used above guidance 1. Of
        several entries of a side, those that count in a step are averaged (`guidance.py`).
    sampler: a row of the table; None is the model's own scheduler.
    scheduler_config: the model's `scheduler_config.json`, with `_class_name`.
    steps: of the whole schedule. `start_step` and `end_step` are states of it (`samplers/steps.py`).
    guidance: scale of classifier-free guidance; up to 1 is none. rescale: 0 to 1 (arXiv:2305.08891).
    eta: 0 to 1, noise that DDIM and TCD add at each step.
    timesteps: one for each of the steps, in place of the sampler's own.
    slicing: the UNet is shown one item at a time.
    micro: the sizes that an SDXL UNet is told; None for others.
    freeu, pag: FreeU and perturbed-attention guidance; None is none.
    image_guidance: how closely to keep to a picture that is edited; None for UNets that are shown none.
    windows: the UNet looks at the latent through them, in latent elements; None shows it the whole.
    """

    latent: Latent
    conditioning: Conditioning
    sampler: Sampler | None
    scheduler_config: Mapping[str, Json]
    steps: int
    guidance: float = 7.5
    rescale: float = 0.0
    eta: float = 0.0
    strength: float | None = None
    start_step: int | None = None
    end_step: int | None = None
    slicing: bool = False
    attention_slicing: bool = False
    timesteps: tuple[int, ...] = ()
    micro: Micro | None = None
    freeu: FreeU | None = None
    pag: Pag | None = None
    image_guidance: float | None = None
    windows: Tiling | None = None


def denoise(
    request: DenoiseRequest,
    *,
    unet: Any,
    aids: Sequence[Aid] = (),
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    resume: State | None = None,
    capture: Callable[[int], bool] = lambda _step: False,
    on_state: Callable[[State], None] = lambda _state: None,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Latent:
    """Denoise a latent. On the CPU in float32 the result is that of diffusers' pipelines, bit for bit.

    Args:
        request: what to do.
        unet: a `UNet2DConditionModel` on `device`, in evaluation mode.
        aids: what takes part in its evaluations, made for this request, on the same device.
        device: where to compute.
        dtype: what to compute in; the UNet's by default.
        resume: a state of this very run, to go on from.
        capture: whether the state after so many steps of the schedule is wanted.
        on_state: is given the wanted states, in order; not that which the run resumes from.
        on_step: is told (steps done, steps in all) of this run after each. What it raises ends the run; the state
            at hand has been given out then, wanted or not.

    Returns:
        The latent at the end of the range: float32 on the CPU; clean, or partial with the schedule's
        digest. In half precision the samples are those of the run, exactly.

    Raises:
        UserError: SDF403 to SDF407, SDF409, SDF413.
    """
    target = torch.device(device)
    part = _part(request)
    refuse_gaps(
        request.conditioning.positive,
        first=part.start,
        last=part.end,
        steps=part.steps,
        height=request.latent.samples.shape[-2],
        width=request.latent.samples.shape[-1],
    )
    dtype = unet.dtype if dtype is None else dtype
    single = ItemByItem(unet) if request.slicing else unet
    seen = single if request.windows is None else Windowed(single, request.windows)
    sampling = _Sampling(request, part, seen, aids=aids, device=target, dtype=dtype)
    attention = _attention(unet, sliced=request.attention_slicing)
    with torch.inference_mode(), attention, with_freeu(unet, request.freeu), opened(aids, unet):
        first = sampling.begin(resume)
        if resume is None and capture(first):
            with _ordinary_tensors():
                on_state(sampling.state(first))
        for step in range(first, part.end):
            sampling.advance(step)
            with _ordinary_tensors():
                given = capture(step + 1)
                if given:
                    on_state(sampling.state(step + 1))
                try:
                    on_step(step + 1 - part.start, part.count)
                except BaseException:
                    if not given:
                        on_state(sampling.state(step + 1))
                    raise
    return sampling.latent(part.end)


class _Sampling:
    """The loop's own variables."""

    def __init__(
        self,
        request: DenoiseRequest,
        part: StepRange,
        unet: Any,
        *,
        aids: Sequence[Aid],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._request, self._part, self._unet, self._aids = request, part, unet, aids
        self._device, self._dtype = device, dtype
        self._perturbed = () if request.pag is None else perturbed_layers(unet, request.pag)
        batch, _, height, width = request.latent.samples.shape
        kind, options = kind_of(request.pag, request.image_guidance)
        self._guidance = Guidance(
            request.conditioning,
            unet,
            scale=request.guidance,
            rescale=request.rescale,
            steps=part.steps,
            shape=(batch, height, width),
            device=device,
            dtype=dtype,
            micro=request.micro,
            kind=kind,
            options=options,
            upscales=isinstance(request.latent.beside, SmallLatent),
        )

    def begin(self, resume: State | None) -> int:
        """Make the first latent, or take that of a state; returns the state it is."""
        request, part = self._request, self._part
        self._shown, generators = shown_beside(
            request.latent,
            channels=self._unet.config.in_channels,
            full=part.start == 0,
            device=self._device,
            dtype=self._dtype,
        )
        self._generators = generators if resume is None else generators_of(resume.latent.streams)
        self._run = SamplerRun(
            request.sampler,
            request.scheduler_config,
            part,
            eta=request.eta,
            generators=self._generators,
            device=self._device,
        )
        if resume is None:
            self._sample = self._first_sample()
            self._run.start(self._sample, None)
            self._number = 0
            return part.start
        if not part.start <= resume.step <= part.end:
            raise ValueError(f"state {resume.step} is none of {part.start} to {part.end}")
        self._sample = resume.latent.samples.to(device=self._device, dtype=self._dtype)
        facts = {name: fact for name, fact in resume.history.items() if name != _SCALE}
        # State `start` remembers nothing of a scheduler, but may hold seeds.
        self._run.start(self._sample, History(facts, resume.tensors))
        self._number = sum(self._run.evaluations[: resume.step - part.start])
        return resume.step

    def _first_sample(self) -> torch.Tensor:
        latent, scheduler = self._request.latent, self._run.scheduler
        samples = latent.samples.to(device=self._device, dtype=self._dtype)
        if latent.level.kind == "partial":
            return samples
        if latent.level.kind == "noise":
            return samples * scheduler.init_noise_sigma
        noise = self._shown.drawn_noise()
        if noise is None:
            noise = draw_from(self._generators, tuple(samples.shape[1:])).to(self._dtype).to(self._device)
        else:
            # As the pipeline for inpainting has them, and that for pictures has not.
            samples = samples.contiguous()
        if self._shown.begins_with_noise():
            return noise * scheduler.init_noise_sigma
        return scheduler.add_noise(samples, noise, self._run.timesteps[:1].repeat(len(samples)))

    def advance(self, step: int) -> None:
        """Do the evaluations of one step."""
        run, guidance, sample = self._run, self._guidance.at(step), self._sample
        for place in range(run.evaluations[step - self._part.start]):
            timestep = run.timesteps[self._number]
            given = torch.cat([sample] * guidance.copies) if guidance.copies > 1 else sample
            scaled = run.scheduler.scale_model_input(given, timestep)
            evaluation = self._evaluation(step, place, timestep, scaled)
            with perturbed(self._perturbed, guidance.perturbed, guidance.copies):
                output = self._unet(
                    self._shown.with_latent(scaled, guidance),
                    self._shown.timestep(timestep, run),
                    **self._arguments(evaluation),
                    return_dict=False,
                )[0]
            prediction = self._shown.predicted(output, given, timestep, run)
            sample = run.step(self._number, guidance.combine(prediction, timestep), sample)
            sample = self._shown.put_back(sample, self._number, run)
            self._number += 1
        self._sample = sample

    def _evaluation(self, step: int, place: int, timestep: torch.Tensor, scaled: torch.Tensor) -> Evaluation:
        """What the aids see of evaluation `place` of a step."""
        request, part = self._request, self._part
        first = part.start if part.strength is not None else 0
        whole = replace(part, start=first, end=part.steps)
        counts = evaluations_per_step(request.sampler, request.scheduler_config, whole)
        number = sum(counts[: step - first]) + place
        guidance = self._guidance.at(step)
        return Evaluation(step, part.steps, number, sum(counts), timestep, scaled, guidance)

    def _arguments(self, evaluation: Evaluation) -> dict[str, Any]:
        """What the UNet is told beside latent and timestep."""
        guidance = evaluation.guidance
        arguments: dict[str, Any] = {
            "encoder_hidden_states": guidance.embeddings,
            "timestep_cond": guidance.distilled,
            **self._shown.options(len(evaluation.scaled)),
        }
        if guidance.added is not None:
            arguments["added_cond_kwargs"] = guidance.added
        for aid in self._aids:
            arguments = merged(arguments, aid.arguments(evaluation))
        return arguments

    def latent(self, step: int) -> Latent:
        """The latent now, which is state `step`, as a value of its own."""
        request = self._request
        level = level_after(
            request.sampler,
            request.scheduler_config,
            replace(self._part, end=step),
            request.latent.level,
        )
        samples = self._sample.to(device="cpu", dtype=torch.float32, copy=True)
        beside = self._shown.beside() if level.kind == "partial" else None
        return Latent(samples, states_of(self._generators), request.latent.space, level, beside)

    def state(self, step: int) -> State:
        """Everything to go on from here."""
        history = self._run.history()
        latent = replace(self.latent(step), beside=None)  # a run that goes on has it from its own request
        return State(step, latent, {**history.facts, _SCALE: self._run.scale()}, history.tensors)


def at_vae_scale(state: State) -> Latent:
    """A state's latent at the scale of the VAE's latents, with the noise in it: what a preview decodes."""
    latent, scale = state.latent, state.history.get(_SCALE, 1.0)
    if not isinstance(scale, float) or scale == 1.0:
        return latent
    return Latent(latent.samples * scale, latent.streams, latent.space, latent.level)


def _part(request: DenoiseRequest) -> StepRange:
    return step_range(
        request.sampler,
        request.scheduler_config,
        level=request.latent.level,
        steps=request.steps,
        strength=request.strength,
        start_step=request.start_step,
        end_step=request.end_step,
        timesteps=request.timesteps,
    )


def _ordinary_tensors() -> torch.inference_mode:
    """While this lasts, new tensors are ordinary ones: what others get or make may outlive the run."""
    return torch.inference_mode(mode=False)


@contextmanager
def _attention(unet: Any, *, sliced: bool) -> Iterator[None]:
    """Attention in slices for as long as this lasts."""
    if not sliced:
        yield
        return
    before = unet.attn_processors
    unet.set_attention_slice("auto")
    try:
        yield
    finally:
        unet.set_attn_processor(before)
