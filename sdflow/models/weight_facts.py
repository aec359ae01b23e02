"""What the headers of weight files tell, and whether the files are whole."""

from dataclasses import dataclass

from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import DTYPES, BrokenHeaderError, TensorInfo, read_header
from sdflow.models.tree import Tree, join
from sdflow.models.weights import WeightChoice

_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class WeightFacts:
    """How many parameters, and the dtype of most of them on disk (empty when it is not known)."""

    parameters: int
    stored_dtype: str


def bytes_of(dtype: str) -> int:
    """Bytes of one number."""
    return _BYTES[dtype]


def weight_facts(tree: Tree, folder: str, choice: WeightChoice, prefix: str = "") -> WeightFacts:
    """From the headers where the files are here, else guessed from their sizes.

    `prefix` picks the tensors of one part of a larger model; a pickle is never opened.

    Raises:
        Refused: a file is not what its name says.
    """
    if choice.format == "bin":
        for name in choice.names:
            _refuse_non_pickle(tree, join(folder, name))
        return _guess(tree, folder, choice)
    tensors: dict[str, TensorInfo] = {}
    for name in choice.names:
        path = tree.path(join(folder, name))
        if path is None:
            return _guess(tree, folder, choice)
        try:
            tensors.update(read_header(path))
        except BrokenHeaderError as error:
            raise Refused("SDF305", f"`{join(folder, name)}` of {tree.label} {error}", hint=_AGAIN) from error
        except OSError as error:
            raise Refused(
                "SDF302", f"`{join(folder, name)}` of {tree.label} cannot be read: {error.strerror}"
            ) from error
    taken = [info for name, info in tensors.items() if name.startswith(prefix)]
    return _count(taken or list(tensors.values()))


_AGAIN = "Download the file again."


def _count(tensors: list[TensorInfo]) -> WeightFacts:
    by_dtype: dict[str, int] = {}
    for info in tensors:
        if info.dtype in DTYPES:
            by_dtype[info.dtype] = by_dtype.get(info.dtype, 0) + info.elements
    if not by_dtype:
        return WeightFacts(0, "")
    return WeightFacts(sum(by_dtype.values()), DTYPES[max(by_dtype, key=lambda dtype: by_dtype[dtype])])


def _guess(tree: Tree, folder: str, choice: WeightChoice) -> WeightFacts:
    size = sum(tree.size(join(folder, name)) for name in choice.names)
    width = 2 if choice.variant in {"fp16", "bf16"} else 4
    return WeightFacts(size // width, "")


def _refuse_non_pickle(tree: Tree, name: str) -> None:
    path = tree.path(name)
    if path is None:
        return
    with path.open("rb") as stream:
        start = stream.read(64)
    if start.startswith(b"version https://git-lfs"):
        what = "is a Git LFS placeholder: the weights themselves were not fetched (`git lfs pull`)"
    elif start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        what = "is a web page: the download gave an error page instead of weights"
    elif not start.startswith((b"PK\x03\x04", b"\x80")):
        what = "is not a PyTorch checkpoint"
    else:
        return
    raise Refused("SDF305", f"`{name}` of {tree.label} {what}", hint=_AGAIN)
