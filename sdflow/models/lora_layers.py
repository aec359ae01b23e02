"""LoRAs and their kin as PEFT's layers, laid on a module and taken off again without a trace.

PEFT builds the layers and computes with them, unfused, as diffusers has it: what a layer gives is what it gave
before, plus what each adapter adds, in their order. They are swapped in for as long as they are used, so that the
bare module stays the bare module to the bit.
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from sdflow.models.lora_changes import Change

_NAME = "sdflow"
_KINDS = {"lora": "LoraConfig", "loha": "LoHaConfig", "lokr": "LoKrConfig"}


@dataclass(frozen=True, slots=True)
class LoraLayers:
    """PEFT's layers of one LoRA for one module, by the path of the layer that each changes; `size` in bytes."""

    layers: Mapping[str, Any]
    size: int

    def to(self, device: str) -> None:
        """Move them."""
        for layer in self.layers.values():
            layer.to(device)


def build_layers(
    module: torch.nn.Module, changes: Mapping[str, Change], dtype: torch.dtype, device: torch.device
) -> LoraLayers:
    """Layers with the weights of `changes`, which are by path and fit there; the module is left as it was.

    `dtype` and `device` are those in which the module computes, which need not be those of its stored weights.
    """
    groups: dict[tuple[object, ...], dict[str, Change]] = {}
    for path, change in changes.items():
        groups.setdefault(change.settings, {})[path] = change
    layers: dict[str, Any] = {}
    for group in groups.values():
        layers |= _inject(module, group, dtype, device)
    built = {path: layers[path] for path in changes}
    return LoraLayers(built, sum(it.nbytes for layer in built.values() for it in _own_parameters(layer)))


@contextmanager
def laid_on(module: torch.nn.Module, loras: Sequence[tuple[LoraLayers, float]]) -> Iterator[None]:
    """While this lasts, the module computes with these LoRAs, each with its weight, one over the other."""
    originals: dict[str, torch.nn.Module] = {}
    try:
        for lora, weight in loras:
            for path, layer in lora.layers.items():
                below = module.get_submodule(path)
                originals.setdefault(path, below)
                layer.base_layer = below
                layer.set_scale(_NAME, weight)
                _put(module, path, layer)
        yield
    finally:
        for path, original in originals.items():
            _put(module, path, original)
        for lora, _ in loras:
            for path, layer in lora.layers.items():
                layer.base_layer = originals.get(path, layer.base_layer)


def _inject(
    module: torch.nn.Module, group: Mapping[str, Change], dtype: torch.dtype, device: torch.device
) -> dict[str, Any]:
    """PEFT's layers for changes of one kind, rank and alpha. They are made without memory, then given weights."""
    import peft

    first = next(iter(group.values()))
    targets = "|".join(re.escape(path) for path in group)
    config = getattr(peft, _KINDS[first.kind])(target_modules=f"({targets})", **first.options)
    originals = {path: module.get_submodule(path) for path in group}
    try:
        with warnings.catch_warnings():
            # Of quantised layers it says that they cannot be merged, which is never done here.
            warnings.filterwarnings("ignore", "TorchaoLoraLinear was instantiated without", UserWarning)
            peft.inject_adapter_in_model(config, module, adapter_name=_NAME, low_cpu_mem_usage=True)
        made = {path: module.get_submodule(path) for path in group}
    finally:
        for path, original in originals.items():
            _put(module, path, original)
        vars(module).pop("peft_config", None)
    for path, change in group.items():
        _fill(made[path], change, dtype, device)
    return made


def _fill(layer: Any, change: Change, dtype: torch.dtype, device: torch.device) -> None:
    """Give a layer its weights."""
    for name in layer.adapter_layer_names:
        held = getattr(layer, name)
        if isinstance(held, torch.nn.ParameterDict) and _NAME in held:
            del held[_NAME]  # PEFT's own choice of parts may be another one than the file's
    for name, tensor in change.parameters().items():
        own = torch.empty(tensor.shape, dtype=dtype, device=device).copy_(tensor)
        attribute, _, inner = name.partition(".")
        held = getattr(layer, attribute)
        if inner:
            shape = getattr(held[_NAME], inner).shape
            setattr(held[_NAME], inner, torch.nn.Parameter(own.reshape(shape), requires_grad=False))
        else:
            held[_NAME] = torch.nn.Parameter(own, requires_grad=False)
    layer.eval()
    layer.requires_grad_(requires_grad=False)


def _own_parameters(layer: Any) -> Iterator[torch.Tensor]:
    for name, parameter in layer.named_parameters():
        if not name.startswith("base_layer."):
            yield parameter


def _put(module: torch.nn.Module, path: str, child: torch.nn.Module) -> None:
    owner, _, name = path.rpartition(".")
    setattr(module.get_submodule(owner), name, child)
