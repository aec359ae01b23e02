"""What `denoise` refuses of the latents and prompts that are wired to it."""

from sdflow.diffusion.regions import refuse_gaps
from sdflow.diffusion.samplers import StepRange
from sdflow.graph.node import Refusal
from sdflow.models.family import X2_UPSCALER, shown_beside_of
from sdflow.problems import UserError
from sdflow.values import ConditioningSpec, LatentSpec, Model

_FROM = {
    "": "init-latent or init-latent-from-image without a mask",
    "inpaint": "init-latent-from-image with a mask",
    "low-resolution": "init-latent-from-small-image",
    "edit": "init-latent-to-edit",
    "small-latent": "init-latent-from-small-latent",
}
"""Which nodes make such latents."""


def refuse_conditioning(model: Model, conditioning: ConditioningSpec, latent: LatentSpec) -> None:
    """Refuse embeddings that the UNet does not take.

    Raises:
        Refusal: their width, their pooled text or their number does not fit.
    """
    config = model.components["unet"].config
    width = config.get("cross_attention_dim")
    hint = "encode the prompt with the same model"
    if isinstance(width, int) and width != conditioning.width:
        message = f"the conditioning has {conditioning.width} features per token and the UNet takes {width}"
        raise Refusal(message, field="conditioning", hint=hint)
    if (model.space.family == "sdxl" or model.family == X2_UPSCALER) and not conditioning.pooled:
        name = "the latent upscaler" if model.family == X2_UPSCALER else "SDXL"
        message = f"{name} takes pooled text, which this conditioning lacks"
        raise Refusal(message, field="conditioning", hint=hint)
    if model.family != X2_UPSCALER and model.space.family != "sdxl" and conditioning.pooled:
        message = "the conditioning is one of another family: it has pooled text"
        raise Refusal(message, field="conditioning", hint=hint)
    if conditioning.batch not in (1, latent.batch):
        message = f"{conditioning.batch} prompts for a batch of {latent.batch}"
        raise Refusal(
            message, field="conditioning", hint="give one prompt, or as many as the batch has items"
        )


_OF_SIGMAS = ("EulerDiscreteScheduler", "LMSDiscreteScheduler")
"""Schedulers that go by sigmas and take a clean latent for a prediction, which is what the latent upscaler makes."""


def refuse_for_upscaler(model: Model, scheduler: str) -> None:
    """Refuse a sampler that the latent upscaler cannot be run with.

    Raises:
        Refusal: it goes by timesteps, or takes no clean latent for a prediction.
    """
    if model.family == X2_UPSCALER and scheduler not in _OF_SIGMAS:
        message = "the latent upscaler does not run with this sampler: it predicts clean latents at sigmas"
        hint = "leave sampler out, or take euler or lms, also with -karras and the like"
        raise Refusal(message, field="sampler", code="SDF438", hint=hint)


def refuse_gaps_between(conditioning: ConditioningSpec, part: StepRange, latent: LatentSpec) -> None:
    """Refuse a prompt that leaves a step, or a part of the picture, without anything to draw.

    Raises:
        Refusal: there is such a gap.
    """
    try:
        refuse_gaps(
            conditioning.positive,
            first=part.start,
            last=part.end,
            steps=part.steps,
            height=latent.height,
            width=latent.width,
        )
    except UserError as error:
        first = error.problems[0]
        raise Refusal(first.message, field="conditioning", code=first.code, hint=first.hint) from error


def refuse_beside(model: Model, latent: LatentSpec) -> None:
    """Refuse a latent that lacks what the UNet is shown beside it, or brings what it has no place for.

    Raises:
        Refusal: it does.
    """
    unet = model.components["unet"].config
    channels, shown = unet.get("in_channels", 4), shown_beside_of(unet)
    wanted = (shown,) if shown else ("", "inpaint")
    if latent.beside not in wanted:
        raise Refusal(
            f"a UNet of {channels} input channels does not take a latent from {_FROM[latent.beside]}",
            field="latent",
            hint=f"take one from {' or '.join(_FROM[kind] for kind in wanted)}",
        )
