"""Which of a component's files are its weights."""

import re
from dataclasses import dataclass

from sdflow.models.config import read_json
from sdflow.models.refused import Refused
from sdflow.models.tree import Tree, join
from sdflow.problems import nearest

_STEMS = {
    "diffusers": {"safetensors": "diffusion_pytorch_model", "bin": "diffusion_pytorch_model"},
    "transformers": {"safetensors": "model", "bin": "pytorch_model"},
}
_VARIANT = re.compile(
    r"(?:diffusion_pytorch_model|pytorch_model|model)\.(?P<variant>[A-Za-z0-9_-]+?)(?:-\d{5}-of-\d{5})?\.(?:safetensors|bin)"
)


@dataclass(frozen=True, slots=True)
class WeightChoice:
    """The files to load, in order; their format; and the variant that they are of, if any."""

    names: tuple[str, ...]
    format: str
    variant: str | None


def choose_weights(tree: Tree, folder: str, library: str, variant: str | None) -> WeightChoice | None:
    """The weight files in `folder`, or None when it has none.

    safetensors before pickles, the wanted variant before none: a model may have a variant of some of its
    components only, so falling back is judged by the caller.

    Raises:
        Refused: an index file names shards that are not there.
    """
    for wanted in dict.fromkeys((variant, None)):
        for form in ("safetensors", "bin"):
            chosen = _choose(tree, folder, _STEMS[library][form], form=form, variant=wanted)
            if chosen:
                return WeightChoice(chosen, form, wanted)
    return None


def _choose(tree: Tree, folder: str, stem: str, *, form: str, variant: str | None) -> tuple[str, ...]:
    names = tree.names(folder)
    dotted = f".{variant}" if variant else ""
    single = f"{stem}{dotted}.{form}"
    if single in names:
        return (single,)
    for index in dict.fromkeys((f"{stem}.{form}.index{dotted}.json", f"{stem}{dotted}.{form}.index.json")):
        if index in names:
            return _shards(tree, folder, names, index)
    return ()


def _shards(tree: Tree, folder: str, names: frozenset[str], index: str) -> tuple[str, ...]:
    weight_map = read_json(tree, join(folder, index)).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise Refused("SDF314", f"`{join(folder, index)}` of {tree.label} names no weight files")
    shards = sorted({str(name) for name in weight_map.values()})
    missing = [name for name in shards if name not in names]
    if missing:
        raise Refused(
            "SDF306",
            f"`{join(folder, index)}` of {tree.label} names `{missing[0]}`, which is not there"
            + (f", nor are {len(missing) - 1} more" if len(missing) > 1 else ""),
        )
    return tuple(shards)


def variants_in(tree: Tree, folder: str) -> frozenset[str]:
    """The variants that `folder` has weights of."""
    found = (_VARIANT.fullmatch(name) for name in tree.names(folder))
    return frozenset(it["variant"] for it in found if it and not it["variant"].startswith("safetensors"))


def refuse_variant(label: str, variant: str, known: frozenset[str]) -> Refused:
    """What to say when nothing in a model is of the wanted variant."""
    close = nearest(variant, known)
    listed = ", ".join(f"`{name}`" for name in sorted(known))
    hint = f"Did you mean `{close}`?" if close else f"It has {listed}." if known else "Leave `variant` out."
    said = f"no weights of the variant `{variant}`"
    if not variant:
        said, hint = "no weights but of a variant", f"Write `variant: {min(known)}`."
    return Refused("SDF307", f"{label} has {said}", hint=hint, field="variant")
