"""Which family a UNet is of, what a model of that family is made of, and the model that components make."""

from collections.abc import Mapping

from sdflow.composition import Json
from sdflow.values import Component, LatentSpace, Model

_FAMILIES = {768: "sd1", 1024: "sd2"}
_SD_ROLES = ("tokenizer", "text_encoder", "unet", "vae", "scheduler")
_ROLES = {
    "sdxl": ("tokenizer", "tokenizer_2", "text_encoder", "text_encoder_2", "unet", "vae", "scheduler"),
    "sdxl-refiner": ("tokenizer_2", "text_encoder_2", "unet", "vae", "scheduler"),
}
_UPSCALER = "x4-upscaler"
X2_UPSCALER = "x2-upscaler"
EDIT, INPAINT, LOW_RESOLUTION, SMALL_LATENT = "edit", "inpaint", "low-resolution", "small-latent"
_SHOWN = {3: LOW_RESOLUTION, 4: EDIT, 5: INPAINT}
"""What a UNet is shown beside the latent, by the channels of it: a small picture, a picture, a mask and a picture."""
_TRAITS = {"sdxl": True, "sdxl-refiner": False}
"""Whether a negative prompt that is left out is zeros, where no `model_index.json` says so."""

_MOST_NOISE = 350
"""Of the pipeline for the x4 upscaler, where no `model_index.json` says more."""
_SCALED = "is_cosxl_edit"
"""Whether a UNet that edits takes the picture at the scale of latents."""
_SIZES_AND_SCORE = 5
_SIZES = 6


def family_of(unet: Mapping[str, Json]) -> str:
    """The family of the model that a UNet's configuration belongs to; `sd` where it is none of the known."""
    if unet.get("addition_embed_type") == "text_time":
        return "sdxl-refiner" if pooled_width(unet, _SIZES_AND_SCORE) == text_width(unet) else "sdxl"
    if unet.get("num_class_embeds") and shown_beside_of(unet) == LOW_RESOLUTION:
        return _UPSCALER
    if _upscales_latents(unet):
        return X2_UPSCALER
    return _FAMILIES.get(text_width(unet), "sd")


def shown_beside_of(unet: Mapping[str, Json]) -> str | None:
    """What a UNet is shown beside the latent; empty for nothing, None for what sdflow does not know.

    The latent upscaler has a channel more to predict, which nobody looks at.
    """
    if _upscales_latents(unet):
        return SMALL_LATENT
    beside = whole_number(unet, "in_channels", 4) - whole_number(unet, "out_channels", 4)
    return _SHOWN.get(beside) if beside else ""


def _upscales_latents(unet: Mapping[str, Json]) -> bool:
    """Whether a UNet is that of the latent upscaler: told a sigma and not a timestep, and shown a small latent."""
    sides = whole_number(unet, "in_channels", 4), whole_number(unet, "out_channels", 4)
    return unet.get("time_embedding_type") == "fourier" and sides == (8, 5)


def roles_of(family: str) -> tuple[str, ...]:
    """The components that a model of a family has."""
    return (*_SD_ROLES, "low_res_scheduler") if family == _UPSCALER else _ROLES.get(family, _SD_ROLES)


def is_xl(family: str) -> bool:
    """Whether a family is SDXL's: two text encoders or the second alone, and sizes as conditions."""
    return family in _ROLES


def numbers_of(family: str) -> int:
    """How many numbers an SDXL UNet is told: sizes and crop are 6; sizes, crop and aesthetic score 5."""
    return _SIZES_AND_SCORE if family == "sdxl-refiner" else _SIZES


def pooled_width(unet: Mapping[str, Json], numbers: int) -> int:
    """The width of the pooled text that an SDXL UNet takes beside so many embedded numbers."""
    whole, each = unet.get("projection_class_embeddings_input_dim"), unet.get("addition_time_embed_dim")
    return whole - numbers * each if isinstance(whole, int) and isinstance(each, int) else 0


def build_model(components: Mapping[str, Component], index: Mapping[str, Json] | None = None) -> Model:
    """The model that components make which `misfits` has nothing against.

    `index` is the `model_index.json` of the place where the model comes from, where there is one.
    """
    unet, vae = components["unet"].config, components["vae"]
    family, factor = family_of(unet), _factor(vae)
    height, width = _sides(unet.get("sample_size"))
    spaces = {"sdxl": "sdxl", "sdxl-refiner": "sdxl", _UPSCALER: "x4"}
    space = LatentSpace(spaces.get(family, "sd"), whole_number(vae.config, "latent_channels", 4), factor)
    return Model(
        family=family,
        components=components,
        space=space,
        native_size=(width * factor, height * factor),
        traits=_traits(family, index or {}),
    )


def _traits(family: str, index: Mapping[str, Json]) -> dict[str, Json]:
    """What a pipeline is told besides its components."""
    if family == _UPSCALER:
        return {"max_noise_level": whole_number(index, "max_noise_level", _MOST_NOISE)}
    if not is_xl(family):
        return {}
    name = "force_zeros_for_empty_prompt"
    written = index.get(name)
    # A pipeline that is made without a word on it has it, as in diffusers; an absent index is another matter.
    default = True if index else _TRAITS[family]
    traits: dict[str, Json] = {name: written if isinstance(written, bool) else default}
    return traits | {_SCALED: True} if index.get(_SCALED) is True else traits


def text_width(unet: Mapping[str, Json]) -> int:
    """Width of the text that a UNet attends to; some files name it once for each level."""
    width = unet.get("cross_attention_dim", 1280)
    first = width[0] if isinstance(width, list) and width else width
    return first if isinstance(first, int) else 1280


def whole_number(config: Mapping[str, Json], name: str, default: int) -> int:
    """An entry of a configuration that is a whole number, or its default."""
    value = config.get(name, default)
    return value if isinstance(value, int) else default


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
