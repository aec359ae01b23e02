"""What `denoise` refuses of the latents and prompts that are wired to it."""

from sdflow.diffusion.regions import refuse_gaps
from sdflow.diffusion.samplers import StepRange
from sdflow.graph.node import Refusal
from sdflow.problems import UserError
from sdflow.values import ConditioningSpec, LatentSpec, Model

_BESIDE = {
    4: ("", "inpaint"),
    7: ("low-resolution",),
    9: ("inpaint",),
}
"""By the UNet's input channels: what may lie beside the latent."""

_FROM = {
    "": "init-latent or init-latent-from-image without a mask",
    "inpaint": "init-latent-from-image with a mask",
    "low-resolution": "init-latent-from-small-image",
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
    if model.space.family == "sdxl" and not conditioning.pooled:
        raise Refusal(
            "SDXL takes pooled text, which this conditioning lacks", field="conditioning", hint=hint
        )
    if conditioning.batch not in (1, latent.batch):
        message = f"{conditioning.batch} prompts for a batch of {latent.batch}"
        raise Refusal(
            message, field="conditioning", hint="give one prompt, or as many as the batch has items"
        )


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
    channels = model.components["unet"].config.get("in_channels", 4)
    wanted = _BESIDE.get(channels, ("",)) if isinstance(channels, int) else ("",)
    if latent.beside not in wanted:
        raise Refusal(
            f"a UNet of {channels} input channels does not take a latent from {_FROM[latent.beside]}",
            field="latent",
            hint=f"take one from {' or '.join(_FROM[kind] for kind in wanted)}",
        )
