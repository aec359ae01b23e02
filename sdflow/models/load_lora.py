"""From a LoRA's description to layers that can be laid on a module. Imports torch."""

import torch

from sdflow.models.lora_file import read_changes
from sdflow.models.lora_layers import LoraLayers, build_layers
from sdflow.problems import NodeFailedError
from sdflow.values import Adapter, Component


def load_lora(
    module: torch.nn.Module, component: Component, adapter: Adapter, device: str | torch.device
) -> LoraLayers:
    """The layers of a LoRA for a component's module, in the precision in which that computes, on a device.

    Raises:
        NodeFailedError: the file is missing, broken, of a kind that is not read, or made for another model.
    """
    folder = adapter.location.folder
    if folder is None:
        raise NodeFailedError(f"the LoRA {adapter.location.source} is not on this machine")
    try:
        changes = read_changes(folder / adapter.file.name, component.role, module)
    except OSError as error:
        raise NodeFailedError(f"the LoRA {adapter.location.source} cannot be read: {error}") from error
    return build_layers(module, changes, getattr(torch, component.dtype), torch.device(device))
