"""Reading the JSON files of a model."""

import json

from sdflow.composition import Json
from sdflow.models.refused import Refused
from sdflow.models.tree import Tree, join

_CHANGE_NOTHING = {
    "_commit_hash",
    "_diffusers_version",
    "_name_or_path",
    "architectures",
    "dtype",
    "torch_dtype",
    "transformers_version",
}
"""Where and by what a configuration was saved. `_class_name` is not among them: it says what is built."""


def read_json(tree: Tree, name: str) -> dict[str, Json]:
    """The object in a JSON file of the model.

    Raises:
        Refused: it is not JSON, or not an object.
    """
    text = tree.read(name)
    if text.startswith(b"version https://git-lfs"):
        raise Refused(
            "SDF305",
            f"`{name}` of {tree.label} is a Git LFS placeholder",
            hint="Fetch the files: `git lfs pull`.",
        )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("SDF314", f"`{name}` of {tree.label} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refused("SDF314", f"`{name}` of {tree.label} does not hold a JSON object")
    return value


def read_optional_json(tree: Tree, folder: str, name: str) -> dict[str, Json] | None:
    """The same, or None when there is no such file in `folder`."""
    return read_json(tree, join(folder, name)) if name in tree.names(folder) else None


def cleaned(config: dict[str, Json]) -> dict[str, Json]:
    """The configuration without what changes nothing, so that equal models have equal digests."""
    return {key: value for key, value in config.items() if key not in _CHANGE_NOTHING}


def text_config(config: dict[str, Json]) -> dict[str, Json]:
    """The text encoder's part of the configuration of a whole CLIP model; of a text encoder, the whole."""
    inner = config.get("text_config")
    if not isinstance(inner, dict):
        return config
    older = config.get("text_config_dict")  # what transformers lets win where both are present
    return {**inner, **(older if isinstance(older, dict) else {})}


def is_whole_clip(config: dict[str, Json]) -> bool:
    """Whether a configuration is of text and vision together."""
    return isinstance(config.get("text_config"), dict)


def with_effective_sample_size(config: dict[str, Json]) -> dict[str, Json]:
    """The UNet's configuration as the pipeline reads it.

    The first Stable Diffusion files were saved with a side of 32; for files of diffusers < 0.9 the pipelines
    read anything below 64 as 64.
    """
    version, size = config.get("_diffusers_version"), config.get("sample_size")
    if isinstance(version, str) and isinstance(size, int) and size < 64 and _older_than_0_9(version):  # noqa: PLR2004
        return {**config, "sample_size": 64}
    return config


def _older_than_0_9(version: str) -> bool:
    parts = version.split(".")
    return len(parts) > 1 and parts[0] == "0" and parts[1].isdigit() and int(parts[1]) < 9  # noqa: PLR2004
