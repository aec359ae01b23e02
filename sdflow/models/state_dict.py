"""Weights from files, under the names that the installed libraries use."""

import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sdflow.problems import NodeFailedError

_UNUSED = re.compile(
    r"(.*\.)?position_ids|logit_scale|text_projection\.weight|visual_projection\.weight|vision_model\..*"
)
"""What text encoders' files hold beside the text encoder."""

_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names in files of diffusers < 0.17, and those of today."""


def read_weights(files: Sequence[Path]) -> dict[str, torch.Tensor]:
    """The tensors of safetensors or PyTorch files, by name, mapped rather than read where that is possible.

    Raises:
        NodeFailedError: a file is broken, or holds more than tensors.
        OSError: a file cannot be read.
    """
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        tensors.update(_safetensors(file) if file.suffix == ".safetensors" else _pickled(file))
    return tensors


def _safetensors(file: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # not a mapping
    except SafetensorError as error:
        raise NodeFailedError(f"`{file.name}` is broken: {error}", hint="Download it again.") from error


def _pickled(file: Path) -> dict[str, torch.Tensor]:
    try:
        loaded: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        first = str(error).strip().partition("\n")[0]
        raise NodeFailedError(
            f"`{file.name}` is broken, or holds more than weights: {first}",
            hint="sdflow runs no code from a checkpoint. Take a model with safetensors files.",
        ) from error
    inner = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(inner, dict) or not all(isinstance(it, torch.Tensor) for it in inner.values()):
        raise NodeFailedError(f"`{file.name}` holds something else than weights")
    return {str(name): tensor for name, tensor in inner.items()}


def fit_keys(module: torch.nn.Module, stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors under the names that `module` has for them.

    Files of older releases name attention layers and the text encoder's root differently; a whole CLIP model
    holds more than its text encoder, and the rest is left out. Names that fit nothing stay as they are.
    """
    wanted = module.state_dict().keys()
    if wanted == stored.keys():
        return stored
    by_bare_name = {name.removeprefix("text_model."): name for name in wanted}
    fitted: dict[str, torch.Tensor] = {}
    for name, tensor in stored.items():
        bare = name.removeprefix("text_model.")
        new = by_bare_name.get(bare) or by_bare_name.get(_renamed(bare))
        if new is not None:
            fitted[new] = tensor
        elif not _UNUSED.fullmatch(name):
            fitted[name] = tensor
    return fitted


def _renamed(name: str) -> str:
    owner, _, kind = name.rpartition(".")
    outer, _, layer = owner.rpartition(".")
    return f"{outer}.{_OLD_ATTENTION[layer]}.{kind}" if layer in _OLD_ATTENTION else name
