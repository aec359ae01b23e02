"""An upscaler as a module, built by spandrel, which knows the networks by the names of their layers."""

from pathlib import Path
from typing import Any

import torch

from sdflow.models.state_dict import read_weights
from sdflow.models.upscaler_header import bare_names
from sdflow.problems import NodeFailedError
from sdflow.values import Component

_RGB = 3


class UpscalerModule(torch.nn.Module):
    """float[batch, 3, h, w] in 0 … 1 to float[batch, 3, scale · h, scale · w] in 0 … 1, by spandrel's descriptor.

    The descriptor fills up sides that the network cannot take, and cuts the result.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network = descriptor.model
        self._descriptor = [descriptor]  # in a list, for a descriptor is no module
        self.scale: int = descriptor.scale

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return next(self.parameters()).dtype

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Larger pictures."""
        made: torch.Tensor = self._descriptor[0](pictures)
        return made


def load_upscaler(component: Component, folder: Path) -> UpscalerModule:
    """The module on the CPU, in its precision.

    Raises:
        NodeFailedError: spandrel is missing or does not know the network, or the scale is another one.
    """
    where = component.location.source
    weights = read_weights([folder / file.name for file in component.files])
    state = {short: weights[name] for name, short in bare_names(weights).items()}
    try:
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedDtypeError, UnsupportedModelError
    except (
        ImportError,
        RuntimeError,
    ) as error:  # a torchvision that is not made for this torch raises the latter
        hint = 'install it with: pip install "sdflow[upscalers]"'
        raise NodeFailedError(f"spandrel cannot be imported: {error}", hint=hint) from error
    try:
        descriptor = ModelLoader("cpu").load_from_state_dict(state)
    except UnsupportedModelError as error:
        raise NodeFailedError(f"spandrel does not know the network in {where}") from error
    except (KeyError, IndexError, ValueError, RuntimeError, AssertionError) as error:
        raise NodeFailedError(f"the network in {where} cannot be built: {error}") from error
    if not isinstance(descriptor, ImageModelDescriptor):
        raise NodeFailedError(f"the network in {where} fills masks and does not make pictures larger")
    if (descriptor.input_channels, descriptor.output_channels) != (_RGB, _RGB):
        raise NodeFailedError(f"the network in {where} does not take pictures in colour")
    if descriptor.scale != component.config["scale"]:
        hint = f"write scale: {descriptor.scale}"
        said = component.config["scale"]
        raise NodeFailedError(
            f"the network in {where} has a scale of {descriptor.scale}, not {said}", hint=hint
        )
    try:
        descriptor.to(dtype=getattr(torch, component.dtype))
    except UnsupportedDtypeError as error:
        hint = "write dtype: float32"
        raise NodeFailedError(
            f"the network in {where} cannot compute in {component.dtype}", hint=hint
        ) from error
    return UpscalerModule(descriptor)
