"""`denoise`: from noise to a latent that a VAE can decode."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from sdflow.diffusion.samplers import SAMPLERS, canonical, missing_requirements, sampler_of_config, schedule_digest
from sdflow.diffusion.samplers.table import Sampler
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.decode import refuse_other_space
from sdflow.values import (
    CLEAN,
    Conditioning,
    ConditioningSpec,
    Latent,
    LatentSpec,
    Level,
    Model,
    State,
    TrajectorySpec,
)

SamplerName = Annotated[
    str | None,
    BeforeValidator(lambda name: canonical(name).name if isinstance(name, str) else name),
    WithJsonSchema({"type": ["string", "null"], "examples": sorted(SAMPLERS)}),
]


class Denoise(Node, type="denoise", version=1):
    """Remove noise from a latent, step by step, guided by a prompt."""

    outputs = {"latent": "Latent", "trajectory": "Trajectory"}
    lane = "device"
    numeric = True
    open_ended = frozenset({"end_step", "until"})

    model: Input[Model]
    """The model whose UNet predicts the noise."""
    conditioning: Input[Conditioning]
    """What to draw, from encode-prompt."""
    latent: Input[Latent]
    """Where to start: noise, a picture's latent with a strength, or the end of another denoise."""
    sampler: SamplerName = None
    """Which sampler; by default the one that the model comes with. diffusers' and A1111's names are understood."""
    steps: int = Field(25, ge=1, le=1000)
    """Number of denoising steps of the whole schedule."""
    guidance: float = Field(7.5, ge=0, le=1000)
    """Classifier-free guidance scale; 1 and below switch it, and with it the negative prompt, off."""
    rescale: float = Field(0.0, ge=0, le=1)
    """Guidance rescale (phi in arXiv:2305.08891, section 3.4), against overexposure; 0 is off."""
    eta: float = Field(0.0, ge=0, le=1)
    """Noise added back at each step by samplers that take it (eta in arXiv:2010.02502)."""
    strength: float | None = Field(None, gt=0, le=1)
    """For a picture's latent: how much of the schedule to run. 1 forgets nearly all of the picture."""
    start_step: int | None = Field(None, ge=0, le=1000)
    """Step of the schedule to start at."""
    end_step: int | None = Field(None, ge=1, le=1000)
    """Step of the schedule to stop before, leaving the rest of the noise in."""
    from_: float | None = Field(None, ge=0, lt=1)
    """Like start-step, as a fraction of the schedule."""
    until: float | None = Field(None, gt=0, le=1)
    """Like end-step, as a fraction of the schedule."""
    attention_slicing: bool = False
    """Compute attention in slices: less memory, slower, and slightly other pixels."""

    def components(self, model: Model) -> frozenset[str]:
        """The UNet; the scheduler's configuration is described and never loaded."""
        return frozenset({"unet"})

    def described(self, model: Model) -> Mapping[str, object]:  # type: ignore[override]  # a JSON object
        """The UNet's and the scheduler's descriptions."""
        return model.describe(("unet", "scheduler"))

    def infer(
        self, facts: Facts, model: Model, conditioning: ConditioningSpec, latent: LatentSpec
    ) -> Mapping[str, LatentSpec | TrajectorySpec]:
        """The latent's shape stays; its level follows from the range of steps.

        Raises:
            Refusal: inputs that do not fit the model or each other, or a range of steps that makes no sense.
        """
        refuse_other_space(model, latent)
        self._refuse_conditioning(model, conditioning, latent)
        sampler = self._sampler(model)
        self._refuse_sampler(sampler)
        schedule = schedule_digest(sampler, model.components["scheduler"].config, self.steps)
        start, end = self._window(latent.level, schedule)
        level = CLEAN if end == self.steps else Level("partial", end, schedule)
        after = LatentSpec(latent.batch, latent.height, latent.width, latent.space, level)
        return {"latent": after, "trajectory": TrajectorySpec(after, start, end)}

    def _sampler(self, model: Model) -> Sampler:
        if self.sampler is not None:
            return canonical(self.sampler)
        return sampler_of_config(model.components["scheduler"].config)

    def _refuse_sampler(self, sampler: Sampler) -> None:
        missing = missing_requirements(sampler)
        if missing:
            hint = 'install it with: pip install "sdflow[samplers]"'
            raise Refusal(f"sampler {sampler.name} needs {' and '.join(missing)}", field="sampler", hint=hint)
        if self.eta and not sampler.takes_eta:
            takers = ", ".join(sorted(name for name, other in SAMPLERS.items() if other.takes_eta))
            message = f"sampler {sampler.name} takes no eta"
            raise Refusal(message, field="eta", code="SDF214", hint=f"samplers that do: {takers}")

    def _refuse_conditioning(self, model: Model, conditioning: ConditioningSpec, latent: LatentSpec) -> None:
        width = model.components["unet"].config.get("cross_attention_dim")
        if isinstance(width, int) and width != conditioning.width:
            message = f"the conditioning has {conditioning.width} features per token and the UNet takes {width}"
            raise Refusal(message, field="conditioning", hint="encode the prompt with the same model")
        if conditioning.batch not in (1, latent.batch):
            message = f"{conditioning.batch} prompts for a batch of {latent.batch}"
            raise Refusal(message, field="conditioning", hint="give one prompt, or as many as the batch has items")

    def _window(self, level: Level, schedule: str) -> tuple[int, int]:
        """First step and the step before which to stop."""
        self._refuse_pairs()
        end = self.end_step if self.end_step is not None else round((self.until or 1.0) * self.steps)
        if end > self.steps:
            raise Refusal(f"end-step {end} of {self.steps} steps", field="end_step", code="SDF204")
        start = self._start(level, schedule)
        if start >= end:
            field = "start_step" if self.start_step is not None else "end_step"
            raise Refusal(f"steps {start} to {end} leave nothing to do", field=field, code="SDF204")
        return start, end

    def _refuse_pairs(self) -> None:
        pairs = (("start_step", "from_"), ("end_step", "until"), ("strength", "start_step"), ("strength", "from_"))
        for one, other in pairs:
            if getattr(self, one) is not None and getattr(self, other) is not None:
                names = [name.rstrip("_").replace("_", "-") for name in (one, other)]
                raise Refusal(f"{names[0]} and {names[1]} exclude each other", field=one, code="SDF214")

    def _start(self, level: Level, schedule: str) -> int:
        given = self.start_step
        if self.from_ is not None:
            given = round(self.from_ * self.steps)
        if level.kind == "noise":
            if given:
                raise Refusal("pure noise is where step 0 starts", field="start_step" if self.start_step else "from_")
            if self.strength not in (None, 1.0):
                raise Refusal("strength is for the latent of a picture; this one is pure noise", field="strength")
            return 0
        if level.kind == "partial":
            return self._continued(level, schedule, given)
        if self.strength is not None:
            ran = min(int(self.steps * self.strength), self.steps)
            if ran == 0:
                message = f"strength {self.strength} of {self.steps} steps is no step at all"
                raise Refusal(message, field="strength", hint=f"use at least {1 / self.steps:.3g}")
            return self.steps - ran
        if given is None:
            hint = "strength: 0.75 keeps the layout of the picture"
            raise Refusal("the latent of a picture needs strength, start-step or from", field="latent", hint=hint)
        return given

    def _continued(self, level: Level, schedule: str, given: int | None) -> int:
        """The step at which a latent that is half denoised goes on."""
        if self.strength is not None:
            raise Refusal("strength is for the latent of a picture; this one is half denoised", field="strength")
        if level.schedule != schedule:
            hint = "use the same steps, sampler family and model in both denoise nodes"
            raise Refusal("the latent was half denoised on another schedule of noise levels", field="latent", hint=hint)
        if given is not None and given != level.step:
            message = f"the latent stopped before step {level.step}, not {given}"
            raise Refusal(message, field="start_step" if self.start_step is not None else "from_")
        return level.step

    def cost(self, model: Model, conditioning: ConditioningSpec, latent: LatentSpec) -> Cost:
        """Steps × latent elements, twice with guidance; activations from measured Stable Diffusion 1.5 runs."""
        both = 2 if self.guidance > 1 else 1
        elements = latent.batch * latent.height * latent.width
        start, end = self._window(latent.level, latent.level.schedule)
        unet = model.components["unet"].config.get("block_out_channels")
        width = unet[0] if isinstance(unet, list) and isinstance(unet[0], int) else 320
        half = 1 if model.components["unet"].dtype == "float32" else 2
        return Cost((end - start) * elements * both, elements * both * width * 4 * 24 // half)

    def frugal(self) -> "Denoise | None":
        """Attention in slices."""
        return None if self.attention_slicing else self.model_copy(update={"attention_slicing": True})

    def run(self, ctx: RunContext, model: Model, conditioning: Conditioning, latent: Latent) -> Mapping[str, Latent]:
        """Denoise, from the latest kept state before what is wanted, keeping the states that are wanted."""
        from sdflow.diffusion.denoise import DenoiseRequest, denoise

        sampler = self._sampler(model)
        scheduler = model.components["scheduler"].config
        schedule = schedule_digest(sampler, scheduler, self.steps)
        start, end = self._window(latent.level, schedule)
        states = ctx.states
        until = states.last_needed if states.last_needed is not None else end
        first_wanted = min(states.wanted, default=until)
        resume = states.latest(min(first_wanted, until))
        request = DenoiseRequest(
            latent=latent,
            conditioning=conditioning,
            sampler=sampler,
            scheduler_config=scheduler,
            steps=self.steps,
            guidance=self.guidance,
            rescale=self.rescale,
            eta=self.eta,
            start_step=start,
            end_step=until,
            attention_slicing=self.attention_slicing,
        )

        def keep(state: State) -> None:
            if state.step in states.wanted:
                states.keep(state)

        with ctx.module(model, "unet") as unet:
            result = denoise(
                request,
                unet=unet,
                device=str(ctx.device),
                resume=resume if resume is not None and resume.step >= start else None,
                capture=states.wanted.__contains__,
                on_state=keep,
                on_step=ctx.progress,
            )
        return {} if states.last_needed is not None else {"latent": result}
