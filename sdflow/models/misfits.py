"""Whether components fit each other."""

from collections.abc import Iterator, Mapping

from sdflow.models.classes import SUPPORTED, field_of
from sdflow.models.family import (
    EDIT,
    INPAINT,
    X2_UPSCALER,
    family_of,
    is_xl,
    numbers_of,
    pooled_width,
    roles_of,
    shown_beside_of,
    text_width,
    whole_number,
)
from sdflow.models.refused import Finding
from sdflow.problems import Problem
from sdflow.values import Component

_INPUTS = {
    5: "that of a depth-to-image model",
}
_SD_SCALE, _XL_SCALE = 0.18215, 0.13025
_SAME = "Take both from the same model, or from models of one family."


def misfits(components: Mapping[str, Component]) -> Iterator[Finding]:
    """What keeps these components from making a model; only those that are there are looked at."""
    unet, vae = components.get("unet"), components.get("vae")
    if unet is None:
        return
    yield from _unsupported_unet(unet)
    yield from _not_of_the_family(components, family_of(unet.config))
    yield from _texts(unet, components)
    if vae is not None:
        yield from _latents(unet, vae)


def _not_of_the_family(components: Mapping[str, Component], family: str) -> Iterator[Finding]:
    """Parts that a model of this family has no place for: SD has one text encoder, the refiner the second alone."""
    for role in sorted(components.keys() - set(roles_of(family))):
        if role == "low_res_scheduler":
            message = "the UNet is shown no small picture: it is not that of the x4 upscaler"
            yield Finding((role,), Problem("SDF308", message, hint=f"Leave `{field_of(role)}` out."))
            continue
        kind = "tokenizer" if role.startswith("tokenizer") else "text encoder"
        if is_xl(family):
            message = (
                f"the UNet is that of the refiner of Stable Diffusion XL, which has the second {kind} alone"
            )
            hint = f"Write `{field_of(role)}-2` in place of `{field_of(role)}`."
        else:
            message = f"the UNet is not that of a Stable Diffusion XL model: there is no second {kind}"
            hint = f"Leave `{field_of(role)}` out."
        yield Finding((role,), Problem("SDF308", message, hint=hint))


def _texts(unet: Component, components: Mapping[str, Component]) -> Iterator[Finding]:
    """Text encoders whose outputs do not have the widths that the UNet takes."""
    family = family_of(unet.config)
    roles = [role for role in roles_of(family) if role.startswith("text_encoder")]
    encoders = [components[role] for role in roles if role in components]
    if len(encoders) < len(roles):
        return
    wants = text_width(unet.config)
    gives = [whole_number(encoder.config, "hidden_size", 512) for encoder in encoders]
    if wants != sum(gives):
        given = "the text encoder gives" if len(gives) == 1 else "the text encoders give"
        widths = " + ".join(str(width) for width in gives)
        message = f"the UNet takes text of width {wants}, and {given} {widths}"
        yield _misfit(_part_of_its_own(unet, encoders) or roles[0], message, _SAME)
    if not is_xl(family):
        return
    pooled, width = (
        pooled_width(unet.config, numbers_of(family)),
        whole_number(encoders[-1].config, "projection_dim", 512),
    )
    if pooled != width:
        message = f"the UNet takes pooled text of width {pooled}, and the second text encoder gives {width}"
        yield _misfit(roles[-1], message, _SAME)


def _part_of_its_own(unet: Component, encoders: list[Component]) -> str | None:
    """The text encoder that comes from another place than the UNet: the one to blame."""
    return next((it.role for it in encoders if it.location.source != unet.location.source), None)


def _latents(unet: Component, vae: Component) -> Iterator[Finding]:
    takes, gives = (
        whole_number(unet.config, "in_channels", 4),
        whole_number(vae.config, "latent_channels", 4),
    )
    family = family_of(unet.config)
    shown = shown_beside_of(unet.config) in {EDIT, INPAINT} or "low_res_scheduler" in roles_of(family)
    made = gives if family == X2_UPSCALER else whole_number(unet.config, "out_channels", 4)
    if gives == made and (takes == gives or shown or family == X2_UPSCALER):
        yield from _other_space(unet, vae)
        return
    if takes in _INPUTS:
        what = _INPUTS[takes]
        message = f"the UNet takes {takes} channels instead of {gives}: it is {what}, which is not run yet"
        yield Finding(("unet",), Problem("SDF303", message, hint=SUPPORTED))
        return
    message = f"the UNet works on {takes} latent channels, and the VAE makes {gives}"
    yield _misfit("vae", message, "Take a VAE of the same family.")


def _other_space(unet: Component, vae: Component) -> Iterator[Finding]:
    """A VAE of the other family: its latents have the right shape and another meaning, and their scale tells.

    A VAE from the UNet's own place is that model's, whatever its scale.
    """
    if vae.class_name != "AutoencoderKL" or vae.location.source == unet.location.source:
        return
    xl = is_xl(family_of(unet.config))
    if vae.config.get("scaling_factor", _SD_SCALE) != (_SD_SCALE if xl else _XL_SCALE):
        return
    here, there = ("XL", "1.x and 2.x") if xl else ("1.x and 2.x", "XL")
    message = f"the VAE is that of Stable Diffusion {there}, and the UNet works on latents of {here}"
    yield _misfit("vae", message, "Take a VAE of the same family.")


def _unsupported_unet(unet: Component) -> Iterator[Finding]:
    config = unet.config
    xl = config.get("addition_embed_type") == "text_time"
    other = None if xl else config.get("addition_embed_type")
    if other or config.get("encoder_hid_dim_type") or config.get("class_embed_type"):
        message = "the UNet wants more than a text, as those of unCLIP, Kandinsky or upscalers do"
    elif config.get("num_class_embeds") and "low_res_scheduler" not in roles_of(family_of(config)):
        message = "the UNet is conditioned on classes or noise levels, as those of unCLIP are"
    else:
        return
    yield Finding(("unet",), Problem("SDF303", message, hint=SUPPORTED))


def _misfit(role: str, message: str, hint: str) -> Finding:
    return Finding((role,), Problem("SDF308", message, hint=hint))
