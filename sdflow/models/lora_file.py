"""From a LoRA's file to what it does to the layers of one component."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sdflow.models.lora_changes import Change
from sdflow.models.lora_header import family_of
from sdflow.models.lora_names import read_names
from sdflow.models.sgm_names import sgm_names
from sdflow.models.state_dict import read_weights
from sdflow.problems import NodeFailedError
from sdflow.values import FAMILIES

_METADATA = "lora_adapter_metadata"
"""Where diffusers keeps PEFT's configuration in a safetensors file."""

_TEXT_LAYER = re.compile(r"encoder_layers_(\d+)_")


def read_changes(file: Path, role: str, module: torch.nn.Module) -> dict[str, Change]:
    """What a file changes in a component, by the paths of its layers; nothing, when the file is about others.

    Raises:
        NodeFailedError: the file is broken, of a kind that is not read, or does not fit the component.
        OSError: the file cannot be read.
    """
    tensors = read_weights([file])
    names = read_names(tensors)
    if names.other or not names.layers:
        what = f"holds {', '.join(names.other)}, which is not read" if names.other else "is no LoRA"
        raise NodeFailedError(f"`{file.name}` {what}")
    paths = _paths(module)
    configured = _configuration(file, role)
    family = FAMILIES.get(family_of(names, tensors)[1])
    hint = f"It is a LoRA for {family}." if family else None
    changes: dict[str, Change] = {}
    for (of_role, layer), parts in names.layers.items():
        if of_role != role:
            continue
        path = paths.get(layer)
        if path is None:
            _refuse_unknown(layer, file, role, module, hint)
            continue
        held = {part: tensors[name] for part, name in parts.items()}
        changes[path] = _configure(_change(held, file), path, configured)
        _check(changes[path], path, file, module, hint)
    return changes


def _change(held: Mapping[str, torch.Tensor], file: Path) -> Change:
    """The tensors and the alpha of one layer; the number of alpha's elements was looked at while planning."""
    stored = held.get("alpha")
    alpha = None if stored is None else float(stored.item())
    if alpha is not None and not math.isfinite(alpha):
        raise NodeFailedError(f"`{file.name}` is broken: it has an alpha of {alpha}")
    return Change({part: tensor for part, tensor in held.items() if part != "alpha"}, alpha)


def _check(change: Change, path: str, file: Path, module: torch.nn.Module, hint: str | None) -> None:
    weight = module.get_submodule(path).weight
    where = f"`{file.name}` does not fit the model: for `{path}`"
    if change.missing:
        raise NodeFailedError(f"`{file.name}` is incomplete: for `{path}` it lacks `{change.missing}`")
    if not isinstance(weight, torch.Tensor) or not change.fits(weight):
        sides = {part: list(tensor.shape) for part, tensor in change.tensors.items()}
        shape = list(weight.shape) if isinstance(weight, torch.Tensor) else "no weight"
        raise NodeFailedError(f"{where} it has {sides}, and the model {shape}", hint=hint)
    scale = change.tensors.get("dora_scale")
    if scale is not None and (change.kind != "lora" or scale.shape[0] != weight.shape[0]):
        raise NodeFailedError(
            f"`{file.name}` has a DoRA over inputs, or of LyCORIS' kinds, which is not read"
        )


def _paths(module: torch.nn.Module) -> dict[str, str]:
    """The paths of the layers that can be changed, by their names with underscores; sgm's names stand for the same."""
    paths = [
        path
        for path, layer in module.named_modules()
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d) and path
    ]
    layers = getattr(getattr(module, "config", None), "layers_per_block", None)
    found = {}
    if isinstance(layers, int):
        found.update({name: path for path, name in sgm_names(paths, layers).items()})
    return found | {path.removeprefix("text_model.").replace(".", "_"): path for path in paths}


def _refuse_unknown(layer: str, file: Path, role: str, module: torch.nn.Module, hint: str | None) -> None:
    """Layers of a text encoder after its last one are passed over, as elsewhere; files for SD 2.x have them."""
    beyond = _TEXT_LAYER.match(layer)
    count = getattr(getattr(module, "config", None), "num_hidden_layers", None)
    if beyond and isinstance(count, int) and int(beyond[1]) >= count:
        return
    raise NodeFailedError(
        f"`{file.name}` does not fit the model: it changes `{layer}`, which the {role.replace('_', ' ')} lacks",
        hint=hint,
    )


def _configuration(file: Path, role: str) -> Mapping[str, Any]:
    """PEFT's configuration of the adapter of a component, where diffusers has written it into the file."""
    if file.suffix.lower() != ".safetensors":
        return {}
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        text = (opened.metadata() or {}).get(_METADATA)
    try:
        written = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise NodeFailedError(f"`{file.name}` is broken: its metadata is not JSON") from error
    if not isinstance(written, dict):
        raise NodeFailedError(f"`{file.name}` is broken: its metadata is no mapping")
    prefix = f"{role}."
    found = {key.removeprefix(prefix): value for key, value in written.items() if key.startswith(prefix)}
    patterns = found.get("alpha_pattern") or {}
    alphas = [found.get("lora_alpha"), *(patterns.values() if isinstance(patterns, dict) else [patterns])]
    if not isinstance(patterns, dict) or not all(it is None or _is_number(it) for it in alphas):
        raise NodeFailedError(f"`{file.name}` is broken: an alpha in its metadata is no number")
    return found


def _is_number(value: object) -> bool:
    """Whether it is a finite number, as JSON writes them."""
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False


def _configure(change: Change, path: str, configured: Mapping[str, Any]) -> Change:
    """The change with the alpha of PEFT's configuration, where the file's tensors tell none."""
    if not configured or change.alpha is not None:
        return change
    patterns = configured.get("alpha_pattern") or {}
    # PEFT takes the keys as patterns; they are the ends of paths, and what a stranger writes is not run as one.
    ends = {key.removeprefix("^"): value for key, value in patterns.items()}
    alpha = next(
        (value for end, value in ends.items() if path == end or path.endswith(f".{end}")),
        configured.get("lora_alpha"),
    )
    stabilized = bool(configured.get("use_rslora"))
    return replace(change, alpha=None if alpha is None else float(alpha), rank_stabilized=stabilized)
