"""A latent in a file of its own, as outputs that end in `.safetensors` are written. No torch until it is read."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args, get_type_hints

from sdflow.problems import UserError, problem
from sdflow.values.encoded import Encoded, RawTensor
from sdflow.values.latent import Latent
from sdflow.values.spec import LatentSpace, LatentSpec, Level

if TYPE_CHECKING:
    from sdflow.composition import Json

_LARGEST = 2**31
_STREAM = 5056
"""Bytes of the state of torch's random generator for the CPU."""
_KINDS = get_args(get_type_hints(Level)["kind"])
_BESIDE = ("", "inpaint", "low-resolution")
_SHAPE = 4


def latent_spec_of(path: Path) -> LatentSpec:
    """What a file holds, without making tensors of it.

    Raises:
        UserError: SDF367, there is no such file, or it cannot be read; SDF368, it holds something else.
    """
    return _spec(_read(path), path)


def read_latent(path: Path) -> Latent:
    """The latent, as it was when it was written.

    Raises:
        UserError: as `latent_spec_of`.
    """
    encoded = _read(path)
    _spec(encoded, path)
    return Latent.decode(encoded)


def _read(path: Path) -> Encoded:
    try:
        if not path.is_file():
            there = "is a folder" if path.is_dir() else "is no file" if path.exists() else "does not exist"
            raise problem("SDF367", f"{path} {there}")
        if path.stat().st_size > _LARGEST:
            raise _other(path, f"it has more than {_LARGEST // 2**30} GiB")
        blob = path.read_bytes()
    except OSError as error:
        raise problem("SDF367", f"{path} cannot be read: {error.strerror}") from error
    try:
        return Encoded.from_bytes(blob)
    except ValueError as error:
        raise _other(path, "it was not written by sdflow") from error


def _spec(encoded: Encoded, path: Path) -> LatentSpec:
    if encoded.kind != Latent.kind:
        raise _other(path, f"it holds a {encoded.kind}")
    try:
        return _checked(cast("dict[str, Json]", encoded.skeleton), encoded.tensors)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _other(path, "it is damaged, or of another version of sdflow") from error


def _checked(skeleton: "dict[str, Json]", tensors: "dict[str, RawTensor] | object") -> LatentSpec:
    found = cast("dict[str, RawTensor]", tensors)
    family, channels, factor = cast("list[Json]", skeleton["space"])
    level = Level(**cast("dict[str, object]", skeleton["level"]))  # type: ignore[arg-type]  # checked below
    samples, streams = found["samples"], found["streams"]
    beside = str(skeleton.get("beside") or "")
    right = (
        isinstance(family, str)
        and isinstance(channels, int)
        and isinstance(factor, int)
        and factor > 0
        and samples.dtype == "F32"
        and len(samples.shape) == _SHAPE
        and math.prod(samples.shape) > 0
        and samples.shape[1] == channels
        and streams.dtype == "U8"
        and streams.shape == (samples.shape[0], _STREAM)
        and level.kind in _KINDS
        and beside in _BESIDE
    )
    if not right or not isinstance(channels, int) or not isinstance(factor, int):
        raise ValueError(skeleton)
    batch, _, height, width = samples.shape
    return LatentSpec(batch, height, width, LatentSpace(str(family), channels, factor), level, beside)


def _other(path: Path, what: str) -> UserError:
    hint = 'write one as an output of a recipe: "latent.safetensors": $sample'
    return problem("SDF368", f"{path} is no latent: {what}", hint=hint)
