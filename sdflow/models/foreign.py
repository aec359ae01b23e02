"""What a folder without a pipeline is, in a sentence."""

from sdflow.models.classes import SUPPORTED, a_component
from sdflow.models.config import read_json
from sdflow.models.refused import Refused
from sdflow.models.tree import Tree, join

_ROLES_OF = {
    "AutoencoderKL": "vae",
    "AutoencoderTiny": "vae",
    "UNet2DConditionModel": "unet",
    "CLIPTextModel": "text_encoder",
    "CLIPModel": "text_encoder",
}


def refuse_foreign(tree: Tree, root: str) -> Refused:
    """Say what `root` holds instead of a Stable Diffusion pipeline, and what to do with it."""
    names, folders = tree.names(root), tree.folders(root)
    label = f"`{root}` of {tree.label}" if root else tree.label
    if not names and not folders:
        return Refused("SDF304", f"{label} is empty")
    if "adapter_config.json" in names or any("lora" in name.lower() for name in names):
        return Refused("SDF303", f"{label} is a LoRA, which changes a model and is none", hint=SUPPORTED)
    if "learned_embeds.bin" in names or "learned_embeds.safetensors" in names:
        return Refused("SDF303", f"{label} is a textual inversion, which adds a word to a model and is none")
    if "config.json" in names:
        return _component(tree, root, label)
    if "tokenizer_config.json" in names or "vocab.json" in names:
        return Refused(
            "SDF304", f"{label} is a tokenizer alone", hint="Give it as `tokenizer:` beside a model."
        )
    if "scheduler_config.json" in names:
        return Refused(
            "SDF304", f"{label} is a scheduler alone", hint="Give it as `scheduler:` beside a model."
        )
    inside = sorted(name for name in folders if "model_index.json" in tree.names(join(root, name)))
    if inside:
        return Refused(
            "SDF304", f"{label} is no model, but `{inside[0]}` in it is", hint="Write that folder."
        )
    single = sorted(name for name in names if name.endswith((".safetensors", ".ckpt")))
    if single:
        return Refused(
            "SDF304",
            f"{label} is a folder of single files, and no model itself",
            hint=f"Name the file: `{single[0]}`, or with `file:` beside `source:`.",
        )
    return Refused(
        "SDF304", f"{label} holds no model: there is no `model_index.json`", hint=_listed(names | folders)
    )


def _component(tree: Tree, root: str, label: str) -> Refused:
    config = read_json(tree, join(root, "config.json"))
    architectures = config.get("architectures")
    name = config.get("_class_name") or (
        architectures[0] if isinstance(architectures, list) and architectures else ""
    )
    role = _ROLES_OF.get(str(name))
    if role:
        hint = f"Give it as `{role}:` beside a model, or give all parts and no source."
        return Refused("SDF304", f"{label} is {a_component(str(name))} alone", hint=hint)
    what = a_component(str(name)) if name else f"a model of the type `{config.get('model_type', 'unknown')}`"
    return Refused("SDF303", f"{label} is {what}", hint=SUPPORTED)


def _listed(names: frozenset[str]) -> str:
    some = sorted(names)[:5]
    more = f" and {len(names) - len(some)} more" if len(names) > len(some) else ""
    return f"It holds {', '.join(f'`{name}`' for name in some)}{more}."
