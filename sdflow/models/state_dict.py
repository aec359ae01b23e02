"""Weights from files, under the names that the installed libraries use."""

import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch

from sdflow.models.pickle_header import read_pickle
from sdflow.models.pickle_names import CodeInPickleError, Inert
from sdflow.models.pickle_tree import tensors_of
from sdflow.models.safetensors_header import BrokenHeaderError
from sdflow.problems import NodeFailedError

_UNUSED = re.compile(
    r"(.*\.)?position_ids|logit_scale|text_projection\.weight|visual_projection\.weight|vision_model\..*"
)
"""What text encoders' files hold beside the text encoder."""

_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names in files of diffusers < 0.17, and those of today."""


def read_weights(files: Sequence[Path], prefix: str = "") -> dict[str, torch.Tensor]:
    """The tensors of safetensors or PyTorch files, by name, mapped rather than read where that is possible.

    With a `prefix`, those that have it alone, named without it; of the others nothing is read.

    Raises:
        NodeFailedError: a file is broken, or holds more than tensors.
        OSError: a file cannot be read.
    """
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        tensors.update(
            _safetensors(file, prefix) if file.suffix.lower() == ".safetensors" else _pickled(file, prefix)
        )
    return tensors


def _safetensors(file: Path, prefix: str) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            names = [name for name in opened.keys() if name.startswith(prefix)]  # noqa: SIM118  # not a mapping
            return {name.removeprefix(prefix): opened.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise NodeFailedError(f"`{file.name}` is broken: {error}", hint="Download it again.") from error


def _pickled(file: Path, prefix: str) -> dict[str, torch.Tensor]:
    """Through `weights_only`, with things that do nothing in place of what a training saves beside its weights."""
    try:
        foreign = read_pickle(file).foreign
        with torch.serialization.safe_globals([(Inert, name) for name in foreign]):
            loaded: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except CodeInPickleError as error:
        raise NodeFailedError(
            f"`{file.name}` {error}",
            hint="sdflow runs no code from a checkpoint. Take a model with safetensors files.",
        ) from error
    except (BrokenHeaderError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        first = str(error).strip().partition("\n")[0]
        raise NodeFailedError(f"`{file.name}` is broken: {first}", hint="Download it again.") from error
    tensors = tensors_of(loaded, torch.Tensor)
    if not tensors:
        raise NodeFailedError(f"`{file.name}` holds no weights")
    return {name.removeprefix(prefix): it for name, it in tensors.items() if name.startswith(prefix)}


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
