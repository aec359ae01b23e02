"""A safety checker in a place: beside the other components of a model, or a repository of its own. No torch."""

from sdflow.composition import Json
from sdflow.models.component import Described, Found, is_pipeline, weighted
from sdflow.models.config import cleaned, read_json, read_optional_json
from sdflow.models.place import Place
from sdflow.models.refused import Refused
from sdflow.models.tree import Tree, join

CHECKER_CLASS = "StableDiffusionSafetyChecker"
_MODULE = "diffusers.pipelines.stable_diffusion.safety_checker"
_PREPROCESSOR = "preprocessor_config.json"
_HINT = "Stable Diffusion 1.x has one, and CompVis/stable-diffusion-safety-checker is one by itself."


def find_checker(place: Place, dtype: str) -> Found:
    """The safety checker of a place, with the preparation of pictures that lies beside it in its configuration.

    Raises:
        Refused: there is none, it is broken, or it and the preparation do not belong together.
    """
    if place.file is not None:
        message = f"{place.file.one.label} is a single file, which has no configuration of a safety checker"
        raise Refused("SDF304", message, hint=_HINT)
    tree, root = place.tree, place.root
    inside = is_pipeline(tree, root) or "safety_checker" in tree.folders(root)
    folder = join(root, "safety_checker") if inside else root
    if "config.json" not in tree.names(folder):
        raise Refused("SDF306", f"{tree.label} has no safety checker", hint=_HINT)
    config = read_json(tree, join(folder, "config.json"))
    classes = config.get("architectures")
    if not isinstance(classes, list) or CHECKER_CLASS not in classes:
        what = f"`{classes[0]}`" if isinstance(classes, list) and classes else "something else"
        raise Refused("SDF303", f"{tree.label} holds {what}, and no safety checker", hint=_HINT)
    extractor = _extractor(tree, join(root, "feature_extractor") if inside else root)
    _check_sides(tree.label, config, extractor)
    described = {**cleaned(config), "feature_extractor": extractor}
    return weighted(
        place,
        "safety_checker",
        Described(folder, "transformers", CHECKER_CLASS, {}, described),
        dtype,
        _MODULE,
    )


def _extractor(tree: Tree, folder: str) -> dict[str, Json]:
    found = read_optional_json(tree, folder, _PREPROCESSOR)
    if found is None:
        where = f"`{folder}` of {tree.label}" if folder else tree.label
        message = (
            f"how pictures are prepared for the safety checker is missing: {where} has no `{_PREPROCESSOR}`"
        )
        hint = "Name the place that holds both; `subfolder` is where `safety_checker` and `feature_extractor` lie."
        raise Refused("SDF306", message, hint=hint)
    names = ("feature_extractor_type", "image_processor_type", "processor_class")
    return {name: value for name, value in found.items() if name not in names}


def _check_sides(label: str, config: dict[str, Json], extractor: dict[str, Json]) -> None:
    """The network has positions for one size of pictures only."""
    vision = config.get("vision_config")
    seen = vision.get("image_size", 224) if isinstance(vision, dict) else 224
    made = extractor.get("crop_size", 224)
    sides = (made.get("height"), made.get("width")) if isinstance(made, dict) else (made, made)
    if sides != (seen, seen):
        message = (
            f"the safety checker of {label} sees {seen}×{seen} pixels, and is given {sides[1]}×{sides[0]}"
        )
        hint = "Its config.json and preprocessor_config.json come from different models."
        raise Refused("SDF447", message, hint=hint)
