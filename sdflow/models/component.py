"""One component of a model: where it is in a place, and what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.models.checkpoint.taesd import find_taesd
from sdflow.models.classes import LOADED, check_component, field_of
from sdflow.models.config import (
    cleaned,
    is_whole_clip,
    read_json,
    read_optional_json,
    text_config,
    with_effective_sample_size,
)
from sdflow.models.place import Place
from sdflow.models.refused import Refused
from sdflow.models.tree import Tree, join
from sdflow.models.weight_facts import bytes_of, weight_facts
from sdflow.models.weights import choose_weights, refuse_variant, variants_in
from sdflow.values import Component, WeightFile

TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
CONFIG_FILE = {
    "scheduler": "scheduler_config.json",
    "low_res_scheduler": "scheduler_config.json",
    "image_processor": "preprocessor_config.json",
    "pose_processor": "preprocessor_config.json",
    "detector_processor": "preprocessor_config.json",
}

TOKENIZERS = frozenset({"tokenizer", "tokenizer_2"})
TEXT_ENCODERS = {"text_encoder": "CLIPTextModel", "text_encoder_2": "CLIPTextModelWithProjection"}


@dataclass(frozen=True, slots=True)
class Found:
    """A component, and whether its weights are of the wanted variant and in the preferred format.

    `of_family` is there where the file fits several families: it gives the component as it is in one of them.
    """

    component: Component
    wanted_variant: bool = True
    preferred: bool = True
    of_family: Callable[[str], Component] | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """What the configuration of a component says: what is built, and from what.

    `written` is the configuration as it stands in the file, `config` as it is read.
    """

    folder: str
    library: str
    class_name: str
    written: dict[str, Json]
    config: dict[str, Json]


def find_component(place: Place, role: str, dtype: str) -> Found:
    """The component that has `role` in a place: a pipeline's, or the place itself when it is one component.

    Raises:
        Refused: it is missing, broken, or of a kind that sdflow does not load.
    """
    tree, root = place.tree, place.root
    if role in TOKENIZERS:
        index = read_optional_json(tree, root, "model_index.json")
        folder = _folder_of(tree, root, role, in_pipeline=is_pipeline(tree, root))
        return Found(_tokenizer(tree, folder, role, _listed_class(index, role)))
    tiny = find_taesd(tree, root, dtype) if role == "vae" else None
    if tiny is not None:
        return Found(tiny)
    it = described(place, role)
    if role in CONFIG_FILE:
        location = tree.location(it.folder, frozenset({CONFIG_FILE[role]}))
        return Found(Component(role, it.library, it.class_name, it.config, (), "", 0, 0, location))
    return weighted(place, role, it, dtype)


def described(place: Place, role: str) -> Described:
    """The configuration of the component that has `role` in a place; its weights need not be there.

    Raises:
        Refused: it is missing, broken, or of a kind that sdflow does not load.
    """
    tree, root = place.tree, place.root
    index = read_optional_json(tree, root, "model_index.json")
    folder = _folder_of(tree, root, role, in_pipeline=is_pipeline(tree, root))
    config = _read_config(tree, folder, role)
    library, class_name = check_component(
        tree.label, role, *(_listed_class(index, role) or _own_class(config, role))
    )
    read = with_effective_sample_size(config) if role == "unet" else text_config(config)
    return Described(folder, library, class_name, config, cleaned(read))


def peek_config(place: Place, role: str) -> Mapping[str, Json]:
    """The configuration of a pipeline's component, as far as it can be read; its problems are told elsewhere."""
    folder = join(place.root, role)
    try:
        return read_optional_json(place.tree, folder, "config.json") or {}
    except Refused:
        return {}


def is_pipeline(tree: Tree, root: str) -> bool:
    """Whether `root` holds the components of a whole model."""
    return "model_index.json" in tree.names(root) or bool({"unet", "vae"} & tree.folders(root))


def _folder_of(tree: Tree, root: str, role: str, *, in_pipeline: bool) -> str:
    inside = join(root, role)
    if in_pipeline or role in tree.folders(root):
        if not tree.names(inside):
            raise Refused(
                "SDF306",
                f"{tree.label} lacks its `{role}` folder",
                hint=f"Give one: `{field_of(role)}: SOURCE`.",
            )
        return inside
    return root


def _read_config(tree: Tree, folder: str, role: str) -> dict[str, Json]:
    name = CONFIG_FILE.get(role, "config.json")
    if name not in tree.names(folder):
        where = f"`{folder}` of {tree.label}" if folder else tree.label
        raise Refused("SDF306", f"{where} is no {role.replace('_', ' ')}: it has no `{name}`")
    return read_json(tree, join(folder, name))


def _listed_class(index: dict[str, Json] | None, role: str) -> tuple[Json, Json] | None:
    if index is None:
        return None
    entry = index.get(role)
    if isinstance(entry, list) and len(entry) == 2:  # noqa: PLR2004  # library and class
        return entry[0], entry[1]
    return None, None


def _own_class(config: dict[str, Json], role: str) -> tuple[Json, Json]:
    """Library and class as a component's own configuration tells them."""
    named = config.get("_class_name")
    if isinstance(named, str):
        return "diffusers", named
    prepares = config.get("image_processor_type") or config.get("feature_extractor_type")
    if role.endswith("_processor") and isinstance(
        prepares, str
    ):  # older releases, and those for torchvision or not
        plain = prepares.replace("FeatureExtractor", "ImageProcessor")
        return "transformers", plain.removesuffix("Fast").removesuffix("Pil")
    architectures = config.get("architectures")
    name = architectures[0] if isinstance(architectures, list) and architectures else None
    if role in TEXT_ENCODERS and name in {None, "CLIPModel"} and "clip" in str(config.get("model_type")):
        name = TEXT_ENCODERS[role]  # the text half of a whole CLIP model is taken
    return (
        ("transformers", name)
        if isinstance(name, str)
        else (LOADED.get(role, ("diffusers", ()))[0], "unknown")
    )


def _tokenizer(tree: Tree, folder: str, role: str, listed: tuple[Json, Json] | None) -> Component:
    names = tree.names(folder)
    present = [name for name in TOKENIZER_FILES if name in names]
    if "tokenizer.json" not in present and not {"vocab.json", "merges.txt"} <= names:
        where = f"`{folder}` of {tree.label}" if folder else tree.label
        hint = "It needs `tokenizer.json`, or `vocab.json` with `merges.txt`."
        raise Refused("SDF306", f"{where} is no tokenizer", hint=hint)
    config = read_optional_json(tree, folder, "tokenizer_config.json") or {}
    own = ("transformers", config.get("tokenizer_class") or "CLIPTokenizer")
    library, class_name = check_component(tree.label, role, *(listed or own))
    for name in present:
        tree.read(join(folder, name))  # small, and needed to count tokens while planning
    files = _files(tree, folder, tuple(present))
    location = tree.location(folder, frozenset(present))
    return Component(role, library, class_name, {}, files, "", 0, 0, location)


def weighted(place: Place, role: str, it: Described, dtype: str, module: str = "") -> Found:
    """A component with its weight files; `module` is where its class is, where its library does not export it.

    Raises:
        Refused: it has no weights that sdflow reads.
    """
    tree, folder = place.tree, it.folder
    if "quantization_config" in it.written:
        raise Refused(
            "SDF303", f"the {role.replace('_', ' ')} of {tree.label} is quantized", hint="Take the original."
        )
    choice = choose_weights(tree, folder, it.library, place.variant)
    if choice is None:
        known = variants_in(tree, folder)
        if known:
            raise refuse_variant(tree.label, place.variant or "", known)
        raise Refused(
            "SDF306", f"the {role.replace('_', ' ')} of {tree.label} has no weight file that sdflow reads"
        )
    facts = weight_facts(tree, folder, choice, "text_model." if is_whole_clip(it.written) else "")
    component = Component(
        role,
        module or it.library,
        it.class_name,
        it.config,
        _files(tree, folder, choice.names),
        dtype,
        facts.parameters,
        facts.parameters * bytes_of(dtype),
        tree.location(folder, frozenset(choice.names)),
    )
    return Found(component, choice.variant == place.variant, choice.format == "safetensors")


def _files(tree: Tree, folder: str, names: tuple[str, ...]) -> tuple[WeightFile, ...]:
    return tuple(
        WeightFile(name, tree.digest(join(folder, name)), tree.size(join(folder, name)))
        for name in sorted(names)
    )
