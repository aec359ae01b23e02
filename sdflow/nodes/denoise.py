"""`denoise`: from noise to a latent that a VAE can decode."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated

from pydantic import Field, WithJsonSchema

from sdflow.composition import Json
from sdflow.diffusion.regions import active
from sdflow.diffusion.samplers import (
    SAMPLERS,
    Sampler,
    StepRange,
    as_written,
    canonical,
    evaluations_per_step,
    level_after,
    missing_requirements,
    sampler_of_config,
    scheduler_facts,
    step_at,
    step_range,
)
from sdflow.graph.facts import Facts
from sdflow.graph.fields import told
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.part import Given
from sdflow.graph.wire import Input
from sdflow.models.family import X2_UPSCALER
from sdflow.nodes.control import ControlEntries, ControlEntry, control_cost, open_control, refuse_control
from sdflow.nodes.decode import refuse_other_space
from sdflow.nodes.denoise_inputs import (
    refuse_beside,
    refuse_conditioning,
    refuse_for_upscaler,
    refuse_gaps_between,
)
from sdflow.nodes.image_prompt import ImagePrompts, ShownPictures, picture_prompts, refuse_image_prompts
from sdflow.nodes.sizes import Corner, Pixels, micro_of, refuse_sizes
from sdflow.nodes.steering import FreeUFactors, PagFields, image_guidance_of, refuse_steering
from sdflow.nodes.windows import Windows, refuse_windows, repeated, seen_at_once, windows_of
from sdflow.problems import UserError
from sdflow.values import (
    Conditioning,
    ConditioningSpec,
    Latent,
    LatentSpec,
    Level,
    Loadable,
    Model,
    TrajectorySpec,
)

SamplerName = Annotated[
    str | None,
    told(lambda name: canonical(name).name),
    WithJsonSchema({"type": ["string", "null"], "examples": sorted(SAMPLERS)}),
]

_ADDED_LATER = frozenset({"image-guidance", "freeu", "pag", "slicing", "windows"})
"""Fields that older keys do not know: absent or false, they are not in a key."""


def scheduler_config(model: Model) -> Mapping[str, Json]:
    """The configuration of a model's scheduler; the pipelines for SDXL take it as it is written."""
    config = model.components["scheduler"].config
    return as_written(config) if model.space.family == "sdxl" else config


class Denoise(Node, type="denoise", version=2):
    """Remove noise from a latent, step by step, guided by a prompt."""

    outputs = {"latent": "Latent", "trajectory": "Trajectory"}
    lane = "device"
    numeric = True
    open_ended = frozenset({"end_step", "until"})
    savings = ("slicing",)

    model: Input[Model]
    """The model whose UNet predicts the noise."""
    conditioning: Input[Conditioning]
    """What to draw, from encode-prompt."""
    latent: Input[Latent]
    """Where to start: noise, a picture's latent with a strength, or the end of another denoise."""
    control: ControlEntries = ()
    """ControlNets and T2I-Adapters, each with a picture to follow; several add up."""
    sampler: SamplerName = None
    """Which sampler; by default the one that the model comes with. diffusers' and A1111's names are understood."""
    steps: int = Field(25, ge=1, le=1000)
    """Number of denoising steps of the whole schedule."""
    timesteps: tuple[int, ...] = Field((), max_length=1000)
    """The timestep of each step, from high to low, in place of steps and of the sampler's spacing."""
    guidance: float = Field(7.5, ge=0, le=1000)
    """Classifier-free guidance scale; 1 and below switch it, and with it the negative prompt, off."""
    rescale: float = Field(0.0, ge=0, le=1)
    """Guidance rescale (phi in arXiv:2305.08891, section 3.4), against overexposure; 0 is off."""
    eta: float = Field(0.0, ge=0, le=1)
    """Noise added back at each step by samplers that take it (eta in arXiv:2010.02502)."""
    image_guidance: float | None = Field(None, ge=1, le=1000)
    """For models that edit a picture: how closely to keep to it; by default 1.5. At guidance 1 and below it is off."""
    freeu: FreeUFactors | None = None
    """FreeU (arXiv:2309.11497): b1 and b2 strengthen the backbone, s1 (0.9) and s2 (0.2) weaken skip connections.
    Its authors take b1 1.5 and b2 1.6 for SD 1.5, 1.4 and 1.6 for 2.1, 1.3 and 1.4 for SDXL."""
    pag: PagFields | None = None
    """Perturbed-attention guidance (arXiv:2403.17377): scale (3), adaptive-scale (0) and layers ([mid]), named as in
    diffusers. The prompt is evaluated once more in each step."""
    strength: float | None = Field(None, gt=0, le=1)
    """For a picture's latent: how much of the schedule to run. 1 forgets nearly all of the picture."""
    start_step: int | None = Field(None, ge=0, le=1000)
    """Step of the schedule to start at."""
    end_step: int | None = Field(None, ge=1, le=1000)
    """Step of the schedule to stop before, leaving the rest of the noise in."""
    from_: float | None = Field(None, ge=0, lt=1)
    """Like start-step, as a fraction of the schedule, counted as diffusers' denoising_start: from 0.8 on means from the
    first timestep below 200 of 1000."""
    until: float | None = Field(None, gt=0, le=1)
    """Like end-step, as a fraction of the schedule, counted as diffusers' denoising_end."""
    original_size: Pixels | None = None
    """SDXL: the size of the picture before it was scaled, that the model is to think of; by default its own size."""
    target_size: Pixels | None = None
    """SDXL: the size that the picture was scaled to; by default its own. The refiner is not told it."""
    crop: Corner | None = None
    """SDXL: where the picture was cropped, in pixels from the top left; 0, 0 gives well-centred subjects."""
    negative_original_size: Pixels | None = None
    """SDXL: the same for the negative prompt; by default that of the prompt."""
    negative_target_size: Pixels | None = None
    """SDXL: the same for the negative prompt; by default that of the prompt."""
    negative_crop: Corner | None = None
    """SDXL: the same for the negative prompt; by default as diffusers' pipelines have it."""
    aesthetic_score: float | None = Field(None, ge=0, le=10)
    """SDXL's refiner: the score that the picture is to have; by default 6."""
    negative_aesthetic_score: float | None = Field(None, ge=0, le=10)
    """SDXL's refiner: the score that it is not to have; by default 2.5."""
    slicing: bool = False
    """Predict item by item, each side of the guidance by itself: less memory, slower on GPUs, slightly other pixels."""
    attention_slicing: bool = False
    """Compute attention in slices: slower, slightly other pixels, less memory only where torch has no better way."""
    image_prompt: ImagePrompts = ()
    """Pictures to draw after, beside the prompt: a list, each with its IP-Adapter."""

    windows: Windows | None = None
    """For pictures larger than the model was made for, or than memory: the UNet looks through overlapping windows, and
    predictions are blended (MultiDiffusion, arXiv:2302.08113). Write {} for windows of the model's size."""

    def key_fields(self, *, without: frozenset[str] = frozenset()) -> dict[str, Json]:
        """All plain fields that are there; where there are timesteps, they tell the number of steps."""
        fields = super().key_fields(without=without)
        absent = {name for name in _ADDED_LATER if fields.get(name) is None or fields[name] is False}
        fields = {name: it for name, it in fields.items() if name not in absent}
        return {**fields, "steps": len(self.timesteps)} if self.timesteps else fields

    def components(self, model: Loadable) -> frozenset[str]:
        """The UNet, what controls it and IP-Adapters; the scheduler's configuration is described and never loaded."""
        return frozenset({"unet", "controlnet", "ip_adapter"})

    def described(self, model: Loadable) -> Json:
        """The descriptions of what is loaded, and the scheduler's."""
        return model.describe(("unet", "scheduler", "controlnet", "ip_adapter"))

    def infer(
        self,
        facts: Facts,
        model: Model,
        conditioning: ConditioningSpec,
        latent: LatentSpec,
        *,
        control: tuple[Given[ControlEntry], ...] = (),
        image_prompt: tuple[Given[ShownPictures], ...] = (),
    ) -> Mapping[str, LatentSpec | TrajectorySpec]:
        """The latent's shape stays; its level follows from the range of steps.

        Raises:
            Refusal: inputs that do not fit the model or each other, or a range of steps that makes no sense.
        """
        refuse_other_space(model, latent)
        refuse_beside(model, latent)
        refuse_conditioning(model, conditioning, latent)
        refuse_sizes(self, model)
        refuse_steering(self, model)
        refuse_windows(self.windows, model, self)
        if self.slicing and self.pag:
            message = "perturbed-attention guidance needs all items of a batch together"
            raise Refusal(message, field="slicing", hint="leave slicing out")
        self._refuse_sampler(model)
        try:
            part = self._part(model, latent.level)
        except UserError as error:
            first = error.problems[0]
            raise Refusal(
                first.message, field=self._field_of(first.code), code=first.code, hint=first.hint
            ) from error
        refuse_gaps_between(conditioning, part, latent)
        refuse_control(control, model, latent, self._evaluations(model, part))
        refuse_image_prompts(model, image_prompt, latent, windowed=self.windows is not None)
        level = level_after(self._chosen, scheduler_config(model), part, latent.level)
        beside = latent.beside if level.kind == "partial" else ""
        after = LatentSpec(latent.batch, latent.height, latent.width, latent.space, level, beside)
        return {"latent": after, "trajectory": TrajectorySpec(after, part.start, part.end)}

    def _field_of(self, code: str) -> str:
        """The field that a problem with the range of steps is about."""
        if code == "SDF403":
            return "sampler"
        if code in {"SDF404", "SDF414"}:
            return "steps" if code == "SDF404" else "timesteps"
        given = (
            name
            for name in ("strength", "start_step", "end_step", "from_", "until")
            if getattr(self, name) is not None
        )
        return next(given, "latent")

    @property
    def _chosen(self) -> Sampler | None:
        return None if self.sampler is None else canonical(self.sampler)

    def _part(self, model: Model, level: Level) -> StepRange:
        """The steps to do."""
        start, end = self.start_step, self.end_step
        if self.from_ is not None:
            start = self._step_at(model, self.from_)
        if self.until is not None:
            end = max(1, self._step_at(model, self.until))
        return step_range(
            self._chosen,
            scheduler_config(model),
            level=level,
            steps=self._count,
            strength=self.strength,
            start_step=start,
            end_step=end,
            timesteps=self.timesteps,
        )

    def _evaluations(self, model: Model, part: StepRange) -> int:
        """How often the UNet is evaluated in the whole run that `part` is of."""
        whole = replace(part, start=part.start if part.strength is not None else 0, end=part.steps)
        return sum(evaluations_per_step(self._chosen, scheduler_config(model), whole))

    @property
    def _count(self) -> int:
        """The steps of the whole schedule."""
        return len(self.timesteps) or self.steps

    def _step_at(self, model: Model, fraction: float) -> int:
        config = scheduler_config(model)
        return step_at(self._chosen, config, steps=self._count, fraction=fraction, timesteps=self.timesteps)

    def _refuse_sampler(self, model: Model) -> None:
        pairs = (("start_step", "from_"), ("end_step", "until"))
        for one, other in pairs:
            if getattr(self, one) is not None and getattr(self, other) is not None:
                names = " and ".join(name.rstrip("_").replace("_", "-") for name in (one, other))
                raise Refusal(f"{names} say the same thing twice", field=one, code="SDF214")
        if self.timesteps and "steps" in self.model_fields_set and self.steps != len(self.timesteps):
            message = f"there are {len(self.timesteps)} timesteps and {self.steps} steps"
            raise Refusal(message, field="steps", code="SDF214", hint="leave steps out")
        config = scheduler_config(model)
        sampler = self._chosen or sampler_of_config(config)
        missing = missing_requirements(sampler) if sampler else ()
        if sampler and missing:
            hint = 'install it with: pip install "sdflow[samplers]"'
            raise Refusal(f"sampler {sampler.name} needs {' and '.join(missing)}", field="sampler", hint=hint)
        facts = scheduler_facts(self._chosen, config)
        refuse_for_upscaler(model, facts.class_name)
        if self.eta and not facts.about.takes_eta:
            takers = ", ".join(sorted(other.name for other in SAMPLERS.values() if other.takes_eta))
            message = f"sampler {sampler.name if sampler else facts.class_name} takes no eta"
            raise Refusal(message, field="eta", code="SDF214", hint=f"samplers that do: {takers}")

    def _rows(self, model: Model, conditioning: ConditioningSpec, part: StepRange) -> list[int]:
        """How many predictions each step needs for every item: one for each entry that counts in it."""
        takes_scale = model.components["unet"].config.get("time_cond_proj_dim") is not None
        distilled = takes_scale and model.family != X2_UPSCALER
        negative = conditioning.negative if self.guidance > 1 and not distilled else ()
        # Perturbed attention looks at the prompt once more, an edited picture at the negative prompt.
        again = (
            1 if self.pag is None else 2,
            1 if image_guidance_of(self.image_guidance, model) is None else 2,
        )
        return [
            again[0] * len(active(conditioning.positive, step, part.steps))
            + again[1] * len(active(negative, step, part.steps))
            for step in range(part.start, part.end)
        ]

    def cost(
        self,
        model: Model,
        conditioning: ConditioningSpec,
        latent: LatentSpec,
        control: tuple[Given[ControlEntry], ...] = (),
        image_prompt: tuple[Given[ShownPictures], ...] = (),
    ) -> Cost:
        """Evaluations × latent elements × entries that count: with guidance, and one prompt on each side, two.

        Activations are about 24 values of the UNet's first width for each latent element in flight, which is
        what Stable Diffusion 1.5 takes with scaled dot-product attention.
        """
        part = self._part(model, latent.level)
        rows = self._rows(model, conditioning, part)
        elements = latent.batch * latent.height * latent.width
        seen = seen_at_once(self.windows, model, latent)
        unet = model.components["unet"]
        passes = evaluations_per_step(self._chosen, scheduler_config(model), part)
        widths = unet.config.get("block_out_channels")
        width = widths[0] if isinstance(widths, list) and isinstance(widths[0], int) else 320
        evaluated = [count for count, times in zip(rows, passes, strict=True) for _ in range(times)]
        size = 4 if unet.dtype == "float32" else 2
        more, kept = control_cost(control, unet, evaluated, elements)
        return Cost(
            elements * repeated(self.windows, model, latent) * sum(evaluated) + more,
            (1 if self.slicing else latent.batch * max(rows)) * seen.height * seen.width * width * 24 * size
            + kept,
        )

    def saves(  # type: ignore[override]  # its own ports
        self,
        field: str,
        *,
        model: Model,
        conditioning: ConditioningSpec,
        latent: LatentSpec,
        **others: object,
    ) -> bool:
        """Slicing saves where more than one prediction is made at once; PAG takes all of them together."""
        rows = self._rows(model, conditioning, self._part(model, latent.level))
        return not self.slicing and self.pag is None and latent.batch * max(rows) > 1

    def frugal(self) -> "Denoise | None":
        """Item by item; with PAG there is no such way."""
        return None if self.slicing or self.pag else self.model_copy(update={"slicing": True})

    def run(
        self,
        ctx: RunContext,
        model: Model,
        conditioning: Conditioning,
        latent: Latent,
        *,
        control: tuple[Given[ControlEntry], ...] = (),
        image_prompt: tuple[Given[ShownPictures], ...] = (),
    ) -> Mapping[str, Latent]:
        """Denoise, from the latest kept state before what is wanted, keeping the states that are wanted."""
        from sdflow.diffusion.denoise import DenoiseRequest, denoise

        states = ctx.states
        part = self._part(model, latent.level)
        until = part.end if states.last_needed is None else states.last_needed
        resume = states.latest(min((*states.wanted, until)), part.start)
        request = DenoiseRequest(
            latent=latent,
            conditioning=conditioning,
            sampler=self._chosen,
            scheduler_config=scheduler_config(model),
            steps=self._count,
            timesteps=self.timesteps,
            guidance=self.guidance,
            rescale=self.rescale,
            eta=self.eta,
            strength=self.strength,
            start_step=None if self.strength is not None or latent.level.kind == "noise" else part.start,
            # Of a trajectory that lacks its first state alone, one step is done and dropped.
            end_step=max(until, part.start + 1),
            slicing=self.slicing,
            attention_slicing=self.attention_slicing,
            freeu=None if self.freeu is None else self.freeu.factors(),
            pag=None if self.pag is None else self.pag.as_asked(),
            image_guidance=image_guidance_of(self.image_guidance, model),
            micro=micro_of(self, model, seen_at_once(self.windows, model, latent.spec())),
            windows=None if self.windows is None else windows_of(self.windows, model),
        )
        with ExitStack() as stack:
            result = denoise(
                request,
                unet=stack.enter_context(ctx.module(model, "unet")),
                aids=[
                    *open_control(control, ctx, stack, latent.spec()),
                    *picture_prompts(ctx, stack, model, image_prompt, latent),
                ],
                device=str(ctx.device),
                resume=resume,
                capture=lambda step: step in states.wanted or step == part.end < part.steps or states.due(),
                # Where this ends and the schedule does not, another denoise may go on.
                on_state=lambda state: states.keep(state, lasting=state.step == part.end < part.steps),
                on_step=ctx.progress,
            )
        return {} if states.last_needed is not None else {"latent": result}
