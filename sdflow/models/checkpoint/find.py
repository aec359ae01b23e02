"""One component of a single file: what it is, and what of the file it takes."""

import hashlib
from collections.abc import Mapping
from functools import cache

from sdflow.composition import Json
from sdflow.models.checkpoint.parts import FilePart
from sdflow.models.checkpoint.published import TOKENIZER, family, published
from sdflow.models.checkpoint.recognise import Checkpoint
from sdflow.models.checkpoint.text import follow_text, text_role, text_tensors, width_of_text
from sdflow.models.checkpoint.unet import form_of_config, form_of_tensors
from sdflow.models.checkpoint.vae import TINY, follow_vae, form_of_vae, is_tiny
from sdflow.models.classes import SUPPORTED, field_of
from sdflow.models.component import CONFIG_FILE, TEXT_ENCODERS, TOKENIZERS, Found, described, find_component
from sdflow.models.config import cleaned
from sdflow.models.place import Place
from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import DTYPES, TensorInfo
from sdflow.models.weight_facts import bytes_of
from sdflow.values import Component, Location, WeightFile

_GIVE_CONFIG = "Name a diffusers folder or a hub id that has its configuration: `config: SOURCE`."


def find_in_file(place: Place, file: Checkpoint, role: str, dtype: str) -> Found:
    """The component that has `role` in a single file; tokenizers and schedulers come from its configuration.

    Raises:
        Refused: the file lacks it, or does not tell enough of it.
    """
    if role not in {*TOKENIZERS, *CONFIG_FILE}:
        return _weighted(place, file, role, dtype)
    if place.config is not None:
        return find_component(place.config, role, dtype)
    if not file.family:
        name = role.replace("_", " ")
        raise Refused(
            "SDF306", f"{file.one.label} holds no {name}", hint=f"Give one: `{field_of(role)}: SOURCE`."
        )
    return Found(_scheduler(file, role) if role in CONFIG_FILE else _tokenizer(file, role))


def index_of(file: Checkpoint) -> Mapping[str, Json]:
    """The `model_index.json` of the model that a file is one of.

    Raises:
        Refused: it holds a part of a model alone.
    """
    if file.family:
        return family(file.family)["model_index"]
    if file.whole:
        return {}
    (role,) = file.parts
    what, field = {
        "vae": ("an autoencoder (VAE)", "vae"),
        "text_encoder": ("a text encoder", "text-encoder"),
    }[role]
    hint = f"Give it as `{field}:` beside a model, or give all parts and no source."
    raise Refused("SDF304", f"{file.one.label} looks like {what} alone", hint=hint)


def unet_config_of(place: Place, file: Checkpoint) -> Mapping[str, Json]:
    """The configuration of a file's UNet, or of the family that it is nearest to; empty without a UNet."""
    if place.config is not None:
        try:
            return described(place.config, "unet").config
        except Refused:  # told where the UNet is looked at
            return {}
    return file.unet_config or (published(file.family, "unet") if file.family else {})


def _scheduler(file: Checkpoint, role: str) -> Component:
    if not file.told:
        raise Refused(
            "SDF320",
            f"{file.one.label} does not tell what its UNet predicts",
            hint="`prediction-type: v_prediction` for Stable Diffusion 2 of 768 pixels, `epsilon` for 2-base of 512.",
            field="prediction_type",
        )
    config = {**published(file.family, role), **(file.scheduler if role == "scheduler" else {})}
    return Component(
        role, "diffusers", str(config["_class_name"]), cleaned(config), (), "", 0, 0, _shipped(file)
    )


def _tokenizer(file: Checkpoint, role: str) -> Component:
    config = dict(published(file.family, role))
    return Component(
        role, "transformers", "CLIPTokenizer", config, _tokenizer_files(), "", 0, 0, _shipped(file)
    )


def _shipped(file: Checkpoint) -> Location:
    return Location(file.one.label, TOKENIZER)


@cache
def _tokenizer_files() -> tuple[WeightFile, ...]:
    files = sorted(TOKENIZER.iterdir())
    return tuple(
        WeightFile(file.name, f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}", file.stat().st_size)
        for file in files
    )


def _weighted(place: Place, file: Checkpoint, role: str, dtype: str) -> Found:
    part = file.parts.get(role)
    if part is None and not file.whole and role in TEXT_ENCODERS:
        part = file.parts.get("text_encoder")
    if part is None:
        name = "VAE" if role == "vae" else "UNet" if role == "unet" else role.replace("_", " ")
        mean = " but the mean of those of its training (EMA)" if role == "unet" and file.averaged else ""
        raise Refused(
            "SDF306", f"{file.one.label} holds no {name}{mean}", hint=f"Give one: `{field_of(role)}: SOURCE`."
        )
    if place.config is not None:
        class_name, config = _given(place.config, role, part)
        return Found(_component(file, part, (role, class_name), config, dtype))
    if role == "unet":
        return Found(_component(file, part, (role, "UNet2DConditionModel"), _unet(file), dtype))
    if role in TEXT_ENCODERS:
        return Found(_component(file, part, (role, TEXT_ENCODERS[role]), _text(file, part, role), dtype))
    if is_tiny(part.tensors):
        return Found(_component(file, part, (role, "AutoencoderTiny"), TINY, dtype))

    def of_family(name: str) -> Component:
        return _component(file, part, (role, "AutoencoderKL"), _vae(file, part, name), dtype)

    return Found(of_family(file.family or "sd1"), of_family=None if file.family else of_family)


def _component(
    file: Checkpoint, part: FilePart, built: tuple[str, str], config: Mapping[str, Json], dtype: str
) -> Component:
    role, class_name = built
    library = "transformers" if role in TEXT_ENCODERS else "diffusers"
    count = sum(info.elements for info in _taken(part, class_name, config) if info.dtype in DTYPES)
    files = (file.one.weight_file,)
    size = count * bytes_of(dtype)
    location = file.one.location
    return Component(
        role,
        library,
        class_name,
        cleaned(dict(config)),
        files,
        dtype,
        count,
        size,
        location,
        part=part.prefix,
    )


def _taken(part: FilePart, class_name: str, config: Mapping[str, Json]) -> list[TensorInfo]:
    """The tensors that are loaded; files hold more, such as what a training needs."""
    if class_name.startswith("CLIP"):
        layers = config.get("num_hidden_layers", 12)
        projected = class_name == "CLIPTextModelWithProjection"
        names = text_tensors(part.tensors, layers if isinstance(layers, int) else 12, projected=projected)
        return [part.tensors[name] for name in {taken.name for taken in names.values()}]
    inside = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
    return [info for name, info in part.tensors.items() if part.role == "unet" or name.startswith(inside)]


def _given(config: Place, role: str, part: FilePart) -> tuple[str, Mapping[str, Json]]:
    """Class and configuration from where the user says, and whether they are those of this file."""
    try:
        found = described(config, role)
    except Refused as error:
        raise error.about("config") from error
    if role == "unet":
        fits = form_of_tensors(part.tensors) in {None, form_of_config(found.config)}
    elif role in TEXT_ENCODERS:
        fits = width_of_text(part.tensors) == found.config.get("hidden_size", 512)
    else:
        form, widths = form_of_vae(part.tensors), found.config.get("block_out_channels")
        fits = form is None or list(form.widths) == widths
    if not fits:
        message = (
            f"the {role.replace('_', ' ')} in the file has another form than that of {config.tree.label}"
        )
        raise Refused("SDF308", message, hint="Name a model of the same family and size.", field="config")
    return found.class_name, found.config


def _unet(file: Checkpoint) -> Mapping[str, Json]:
    config = file.unet_config
    if config is None:
        widths = "×".join(str(width) for width in file.form.widths) if file.form else "levels that differ"
        message = f"the UNet in {file.one.label} is of a form that no published model has ({widths})"
        raise Refused("SDF320", message, hint=_GIVE_CONFIG, field="config")
    return config


def _text(file: Checkpoint, part: FilePart, role: str) -> Mapping[str, Json]:
    config, width = follow_text(part.tensors), width_of_text(part.tensors)
    if config is None:
        message = f"the {role.replace('_', ' ')} in {file.one.label} is of a form that no published model has"
        raise Refused("SDF320", f"{message} (width {width})", hint=_GIVE_CONFIG, field="config")
    own = text_role(width)
    if own != role:
        message = f"{file.one.label} holds the text encoder of width {width}, which is no `{field_of(role)}`"
        raise Refused("SDF308", message, hint=f"Give it as `{field_of(own or role)}:`.")
    return config


def _vae(file: Checkpoint, part: FilePart, name: str) -> Mapping[str, Json]:
    form = form_of_vae(part.tensors)
    if form is None:
        raise Refused(
            "SDF303", f"{file.one.label} holds a VAE without an encoder, or one for videos", hint=SUPPORTED
        )
    base = published(name, "vae")
    if form.latent != base["latent_channels"]:
        message = (
            f"{file.one.label} holds a VAE of {form.latent} channels, as FLUX and Stable Diffusion 3 have"
        )
        raise Refused("SDF303", message, hint=SUPPORTED)
    config = follow_vae(base, form)
    if config is None:
        widths = "×".join(str(width) for width in form.widths)
        message = f"the VAE in {file.one.label} is of a form that no published model has ({widths})"
        raise Refused("SDF320", message, hint=_GIVE_CONFIG, field="config")
    return config
