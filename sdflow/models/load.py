"""From a component's description to a module. Imports torch, and of diffusers and transformers what it needs.

Modules are built on the meta device and given their weights directly: that is what `from_pretrained` does
too, and quicker without its searching, and every weight gets memory of its own, aligned always alike.
Alignment alone can move bits.
"""

import importlib
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import torch

from sdflow.models.checker_keys import checker_keys
from sdflow.models.checkpoint.convert import converted
from sdflow.models.checkpoint.taesd import TAESD, diffusers_name
from sdflow.models.load_ip_adapter import IpAdapter, ip_adapter_names
from sdflow.models.load_upscaler import load_upscaler
from sdflow.models.state_dict import fit_keys, read_weights
from sdflow.problems import NodeFailedError
from sdflow.values import Component
from sdflow.values.safety_checker import CHECKER_ROLE

_BY_TRANSFORMERS = frozenset({"depth_estimator", "pose_estimator", "person_detector"})
"""Roles of networks whose releases have called their parts by several names."""


def load_component(component: Component, device: str) -> tuple[Any, int]:
    """The module (or tokenizer) of a component and its bytes; nothing is asked of the network.

    Modules are in evaluation mode and need no gradients; their weights are of the component's dtype.

    Raises:
        NodeFailedError: files are missing or broken, or do not fit the configuration.
    """
    name = component.role.replace("_", " ")
    folder = component.location.folder
    if folder is None:
        raise NodeFailedError(f"the {name} of {component.location.source} is not on this machine")
    try:
        if component.role.startswith("tokenizer"):
            return _tokenizer(component, folder), 0
        if component.role == "upscaler":
            module: torch.nn.Module = load_upscaler(component, folder).to(device)
        elif component.role in _BY_TRANSFORMERS:
            module = _by_transformers(component, folder).to(device)
        else:
            module = _on_meta(component)
            _give_weights(module, component, folder, torch.device(device))
    except OSError as error:
        raise NodeFailedError(f"the {name} of {component.location.source} cannot be read: {error}") from error
    module.eval()
    module.requires_grad_(False)
    if component.prepared:
        from sdflow.models.prepare import bytes_of, prepare

        prepare(module, component.prepared, getattr(torch, component.dtype))
        return module, sum(bytes_of(it) for it in (*module.parameters(), *module.buffers()))
    return module, sum(it.nbytes for it in (*module.parameters(), *module.buffers()))


def _class(component: Component) -> Any:
    found = getattr(importlib.import_module(component.library), component.class_name, None)
    if found is None:
        raise NodeFailedError(f"the installed {component.library} has no `{component.class_name}`")
    return found


def _tokenizer(component: Component, folder: Path) -> Any:
    """Through `CLIPTokenizer`, which reads both its old files and `tokenizer.json`."""
    return _class(component).from_pretrained(str(folder), local_files_only=True, **component.config)


def _by_transformers(component: Component, folder: Path) -> "torch.nn.Module":
    """Read by transformers itself, which knows what each of its releases called the parts of such a network."""
    from transformers.utils import logging

    safe = all(file.name.endswith(".safetensors") for file in component.files)
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        module = _class(component).from_pretrained(str(folder), local_files_only=True, use_safetensors=safe)
    except wrong_configuration() as error:
        name = component.role.replace("_", " ")
        why = " ".join(str(error).split())
        raise NodeFailedError(f"the {name} of {component.location.source} cannot be loaded: {why}") from error
    finally:
        if shown:
            logging.enable_progress_bar()
    return cast("torch.nn.Module", module).to(getattr(torch, component.dtype))


def wrong_configuration() -> tuple[type[Exception], ...]:
    """What libraries raise where a configuration says something that cannot be built."""
    import huggingface_hub.errors

    # Configurations of newer releases of transformers check themselves, with an error of the hub's library.
    strict = getattr(huggingface_hub.errors, "StrictDataclassError", None)
    own = (TypeError, ValueError, LookupError, ArithmeticError, RuntimeError)
    return own if strict is None else (*own, strict)


def _on_meta(component: Component) -> "torch.nn.Module":
    name = component.role.replace("_", " ")
    try:
        with torch.device("meta"):
            module = _built(component)
    except wrong_configuration() as error:
        why = " ".join(str(error).split())
        raise NodeFailedError(
            f"no {name} can be built from the configuration in {component.location.source}: {why}"
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise NodeFailedError(f"`{component.class_name}` is not a module")
    return module


def _built(component: Component) -> Any:
    config = deepcopy(dict(component.config))  # transformers writes into configurations within it
    if component.role == "ip_adapter":
        return IpAdapter(config)
    built = _class(component)
    if component.library == "diffusers":
        if component.class_name == "AutoencoderTiny":
            # What diffusers writes into its configuration, and complains about when it reads it.
            config.pop("block_out_channels", None)
        return built.from_config(config)
    return built(built.config_class.from_dict(config))


def _give_weights(
    module: "torch.nn.Module", component: Component, folder: Path, device: "torch.device"
) -> None:
    dtype: torch.dtype = getattr(torch, component.dtype)
    files = [folder / file.name for file in component.files]
    stored = _named(module, component, _stored(component, files))
    _check(module, stored, component)
    weights = {name: _own(tensor, dtype, device) for name, tensor in stored.items()}
    module.load_state_dict(weights, strict=True, assign=True)
    _fill_buffers(module, device)


def _named(
    module: "torch.nn.Module", component: Component, stored: "dict[str, torch.Tensor]"
) -> "dict[str, torch.Tensor]":
    """The tensors under the names that the module has for them."""
    if component.role == "ip_adapter":
        return ip_adapter_names(stored, component.config)
    if component.role == CHECKER_ROLE:
        return checker_keys(module, stored)
    return fit_keys(module, converted(component, module.config, stored))


def _stored(component: Component, files: Sequence[Path]) -> "dict[str, torch.Tensor]":
    """The tensors of a component as its files name them."""
    if component.part != TAESD:
        return read_weights(files, component.part)
    halves = {file.name: read_weights([file]) for file in files}
    return {diffusers_name(file, name): it for file, half in halves.items() for name, it in half.items()}


def _own(tensor: "torch.Tensor", dtype: "torch.dtype", device: "torch.device") -> "torch.Tensor":
    """A contiguous copy in memory of its own; torch aligns that to 64 bytes on the CPU, to 512 on CUDA."""
    kept = dtype if tensor.is_floating_point() else tensor.dtype
    return torch.empty(tensor.shape, dtype=kept, device=device).copy_(tensor)


def _fill_buffers(module: "torch.nn.Module", device: "torch.device") -> None:
    """Give buffers that no file holds their values: CLIP numbers its positions, some UNets resample with a kernel."""
    for path, buffer in list(module.named_buffers()):
        if buffer.device.type != "meta":
            continue
        within, _, name = path.rpartition(".")
        owner: Any = module.get_submodule(within)
        if name == "position_ids":
            values = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
        elif name == "kernel" and type(owner).__name__ in {"KDownsample2D", "KUpsample2D"}:
            values = type(owner)(owner.pad_mode).kernel.to(device)
        else:
            raise NodeFailedError(f"sdflow does not know the values of the buffer `{path}`")
        owner.register_buffer(name, values, persistent=False)


def _check(module: "torch.nn.Module", stored: "dict[str, torch.Tensor]", component: Component) -> None:
    wanted = module.state_dict()
    where = f"the weights of the {component.role.replace('_', ' ')} of {component.location.source}"
    hint = "The files may belong to another model than the configuration beside them."
    missing = sorted(wanted.keys() - stored.keys())
    if missing:
        raise NodeFailedError(f"{where} lack {_some(missing)}", hint=hint)
    foreign = sorted(stored.keys() - wanted.keys())
    if foreign:
        raise NodeFailedError(f"{where} hold {_some(foreign)}, which the model has no place for", hint=hint)
    for name, tensor in stored.items():
        if tensor.shape != wanted[name].shape:
            sides, places = list(tensor.shape), list(wanted[name].shape)
            raise NodeFailedError(
                f"{where} do not fit: `{name}` is {sides}, and should be {places}", hint=hint
            )


def _some(names: list[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in names[:3])
    return f"{listed} and {len(names) - 3} more" if len(names) > 3 else listed  # noqa: PLR2004
