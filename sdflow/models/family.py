"""Whether components fit each other, and which model they make."""

from collections.abc import Iterator, Mapping

from sdflow.composition import Json
from sdflow.models.classes import SUPPORTED
from sdflow.models.refused import Finding
from sdflow.problems import Problem
from sdflow.values import Component, LatentSpace, Model

_FAMILIES = {768: "sd1", 1024: "sd2"}
_INPUTS = {
    7: "that of the x4 upscaler",
    8: "that of an InstructPix2Pix model",
    9: "that of an inpainting model",
    5: "that of a depth-to-image model",
}


def build_model(components: Mapping[str, Component]) -> Model:
    """The model that components make which `misfits` has nothing against."""
    unet, vae = components["unet"].config, components["vae"]
    factor = _factor(vae)
    height, width = _sides(unet.get("sample_size"))
    return Model(
        family=_FAMILIES.get(_text_width(components["unet"]), "sd"),
        components=components,
        space=LatentSpace("sd", _int(vae.config, "latent_channels", 4), factor),
        native_size=(width * factor, height * factor),
    )


def misfits(components: Mapping[str, Component]) -> Iterator[Finding]:
    """What keeps these components from making a model; only those that are there are looked at."""
    unet, vae, text = components.get("unet"), components.get("vae"), components.get("text_encoder")
    if unet is not None:
        yield from _unsupported_unet(unet)
    if unet is not None and text is not None:
        wants, gives = _text_width(unet), _int(text.config, "hidden_size", 512)
        if wants != gives:
            message = f"the UNet takes text of width {wants}, and the text encoder gives {gives}"
            yield _misfit(
                "text_encoder", message, "Take both from the same model, or from models of one family."
            )
    if unet is not None and vae is not None:
        yield from _latents(unet, vae)


def _latents(unet: Component, vae: Component) -> Iterator[Finding]:
    takes, gives = _int(unet.config, "in_channels", 4), _int(vae.config, "latent_channels", 4)
    if takes == gives == _int(unet.config, "out_channels", 4):
        return
    if takes in _INPUTS:
        what = _INPUTS[takes]
        message = f"the UNet takes {takes} channels instead of {gives}: it is {what}, which is not run yet"
        yield Finding(("unet",), Problem("SDF303", message, hint=SUPPORTED))
        return
    message = f"the UNet works on {takes} latent channels, and the VAE makes {gives}"
    yield _misfit("vae", message, "Take a VAE of the same family.")


def _unsupported_unet(unet: Component) -> Iterator[Finding]:
    config = unet.config
    if config.get("addition_embed_type") == "text_time":
        message = "the UNet is that of a Stable Diffusion XL model"
    elif (
        config.get("addition_embed_type")
        or config.get("encoder_hid_dim_type")
        or config.get("class_embed_type")
    ):
        message = "the UNet wants more than a text, as those of unCLIP, Kandinsky or upscalers do"
    elif config.get("num_class_embeds"):
        message = "the UNet is conditioned on classes or noise levels, as that of the x4 upscaler"
    else:
        return
    yield Finding(("unet",), Problem("SDF303", message, hint=SUPPORTED))


def _misfit(role: str, message: str, hint: str) -> Finding:
    return Finding((role,), Problem("SDF308", message, hint=hint))


def _factor(vae: Component) -> int:
    """Pixels per latent element: each level but the last halves the side."""
    name = "block_out_channels" if vae.class_name == "AutoencoderKL" else "encoder_block_out_channels"
    default: list[Json] = [64] if vae.class_name == "AutoencoderKL" else [64, 64, 64, 64]
    levels = vae.config.get(name, default)
    return int(2 ** (len(levels) - 1)) if isinstance(levels, list) and levels else 1


def _sides(sample_size: Json) -> tuple[int, int]:
    if isinstance(sample_size, list) and len(sample_size) == 2:  # noqa: PLR2004  # height and width
        height, width = sample_size
        if isinstance(height, int) and isinstance(width, int):
            return height, width
    return (sample_size, sample_size) if isinstance(sample_size, int) else (64, 64)


def _text_width(unet: Component) -> int:
    """Width of the text that a UNet attends to; some files name it once for each level."""
    width = unet.config.get("cross_attention_dim", 1280)
    first = width[0] if isinstance(width, list) and width else width
    return first if isinstance(first, int) else 1280


def _int(config: Mapping[str, Json], name: str, default: int) -> int:
    value = config.get(name, default)
    return value if isinstance(value, int) else default
