"""What a textual inversion's file holds, from names and shapes alone.

diffusers saves `{word: vectors}`; A1111 `{string_to_param: {"*": vectors}, …}` as `.pt` and `{emb_params: vectors}` as
`.safetensors`; for SDXL everybody `{clip_l: vectors, clip_g: vectors}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sdflow.models.one_file import OneFile
from sdflow.models.pickle_header import read_pickle_header
from sdflow.models.pickle_names import CodeInPickleError
from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo, read_header
from sdflow.values import AdapterFacts

_OF_A1111 = "string_to_param."
_OF_A1111_SAFE = "emb_params"
_ENCODERS = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
"""Which text encoder the vectors of an SDXL file are for."""
_MOST_DIMENSIONS = 2
_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})


@dataclass(frozen=True, slots=True)
class Vectors:
    """Where the vectors for one text encoder are in a file, how many there are, and how wide."""

    name: str
    count: int
    width: int


@dataclass(frozen=True, slots=True)
class EmbeddingFile:
    """A textual inversion: its word, where the file says one, and its vectors.

    `by_role` has those of an SDXL file by text encoder, and under `""` those of a file for any single one.
    """

    word: str | None
    by_role: Mapping[str, Vectors]


def embedding_facts(one: OneFile) -> AdapterFacts:
    """What planning knows of a textual inversion; its file is brought here, for it is small.

    Raises:
        Refused: it cannot be had, is broken, or no textual inversion.
    """
    found = read_embedding_file(one.fetch(), one.label)
    vectors = {role: (it.count, it.width) for role, it in found.by_role.items()}
    word = found.word or PurePosixPath(one.name).stem
    return AdapterFacts("embedding", one.weight_file, one.location, one.label, token=word, vectors=vectors)


def read_embedding_file(file: Path, label: str) -> EmbeddingFile:
    """What a file holds. Nothing of it is run, and torch is not needed.

    Raises:
        Refused: it is broken, or no textual inversion.
    """
    try:
        if file.suffix.lower() == ".safetensors":
            return embedding_in(read_header(file), label)
        return embedding_in(read_pickle_header(file), label)
    except CodeInPickleError as error:
        raise Refused("SDF316", f"{label} {error}", hint="sdflow runs no code from a file.") from error
    except BrokenHeaderError as error:
        raise Refused("SDF305", f"{label} {error}", hint="Download the file again.") from error
    except OSError as error:
        raise Refused("SDF302", f"{label} cannot be read: {error.strerror}") from error


def vectors_for(file: Path, label: str, role: str) -> Vectors:
    """Where the vectors for a text encoder are in a file that has been read before."""
    by_role = read_embedding_file(file, label).by_role
    return by_role[role if role in by_role else ""]


def embedding_in(tensors: Mapping[str, TensorInfo], label: str) -> EmbeddingFile:
    """The textual inversion among tensors.

    Raises:
        Refused: there is none.
    """
    if tensors.keys() & _ENCODERS.keys():
        return EmbeddingFile(
            None,
            {role: _vectors(tensors, name, label) for name, role in _ENCODERS.items() if name in tensors},
        )
    # A1111 takes any one placeholder, `*` or another word; the word that counts is the file's name.
    of_a1111 = [name for name in tensors if name == _OF_A1111_SAFE or name.startswith(_OF_A1111)]
    if len(of_a1111) == 1:
        return EmbeddingFile(None, {"": _vectors(tensors, of_a1111[0], label)})
    if len(tensors) == 1:
        (name,) = tensors
        return EmbeddingFile(name, {"": _vectors(tensors, name, label)})
    raise _no_embedding(tensors, label)


def _vectors(tensors: Mapping[str, TensorInfo], name: str, label: str) -> Vectors:
    info = tensors[name]
    if info.dtype not in _FLOATS or not 1 <= len(info.shape) <= _MOST_DIMENSIONS or not info.elements:
        raise _no_embedding(tensors, label)
    return Vectors(name, info.shape[0] if len(info.shape) == _MOST_DIMENSIONS else 1, info.shape[-1])


def _no_embedding(tensors: Mapping[str, TensorInfo], label: str) -> Refused:
    names = list(tensors)
    if any("lora" in name for name in names):
        what = "looks like a LoRA"
    elif any(
        name.startswith(("model.", "cond_stage_model.", "text_model.", "down_blocks.")) for name in names
    ):
        what = "looks like a checkpoint or a part of one"
    else:
        listed = ", ".join(f"`{name}` {list(tensors[name].shape)}" for name in names[:3])
        what = f"holds {listed or 'no tensors'}{' and more' if len(names) > 3 else ''}"  # noqa: PLR2004
    hint = "It has `emb_params`, `string_to_param`, `clip_l` and `clip_g`, or one tensor under its word."
    return Refused("SDF332", f"{label} is no textual inversion: it {what}", hint=hint)
