"""The names that a pickle may use, and what stands in for them: things that do nothing."""

import pickletools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sdflow.models.safetensors_header import BYTES, BrokenHeaderError, TensorInfo

_DTYPES = {
    "Double": "F64",
    "Float": "F32",
    "Half": "F16",
    "BFloat16": "BF16",
    "Long": "I64",
    "Int": "I32",
    "Short": "I16",
    "Char": "I8",
    "Byte": "U8",
    "Untyped": "U8",
    "Typed": "F32",
    "Bool": "BOOL",
}
"""What torch calls the storages of each type."""

_SCALARS = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}

_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""Names of Python 2, which pickles of protocol 2 use."""

_TRAINING = ("pytorch_lightning.", "lightning.", "lightning_fabric.", "omegaconf.", "torchmetrics.")
"""Packages whose objects lie beside the weights in checkpoints that are a training's own."""

_HARMLESS = frozenset(
    {
        "argparse.Namespace",
        "builtins.bytearray",
        "builtins.complex",
        "builtins.dict",
        "builtins.float",
        "builtins.frozenset",
        "builtins.int",
        "builtins.list",
        "builtins.object",
        "builtins.set",
        "builtins.str",
        "builtins.tuple",
        "collections.defaultdict",
        "copyreg._reconstructor",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
        "numpy.ndarray",
        "pathlib.PosixPath",
        "torch.nn.modules.container.ParameterDict",
        "torch.nn.modules.container.ParameterList",
        "typing.Any",
    }
)
"""Other names beside weights that torch does not load by itself. Their objects are never made."""


class CodeInPickleError(ValueError):
    """The file would run something; the message says what, to follow the file's name."""


class Inert:
    """Stands for an object of any class, and for what any function would give. Keeps the state that it is given."""

    state: Any = None

    def __new__(cls, *_arguments: object, **_more: object) -> Self:
        """Whatever the arguments, nothing is done with them."""
        return super().__new__(cls)

    def __init__(self, *_arguments: object, **_more: object) -> None:
        """The same."""

    def __setstate__(self, state: object) -> None:
        self.state = state

    def append(self, _item: object) -> None:
        """Of subclasses of list."""

    def extend(self, _items: object) -> None:
        """Of subclasses of list."""

    def __setitem__(self, _name: object, _value: object) -> None:
        """Of subclasses of dict."""


class _Mapping(dict[Any, Any]):
    """An ordered dictionary or a counter, whose attributes are dropped."""

    def __setstate__(self, _state: object) -> None:
        """State dicts carry `_metadata`, which nobody needs."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The numbers of one or more tensors, somewhere in the file."""

    dtype: str
    key: str
    elements: int

    @property
    def bytes(self) -> int:
        """How long it is."""
        return self.elements * BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class StorageType:
    """A class of storages."""

    dtype: str


@dataclass(frozen=True, slots=True)
class _Scalar:
    """A torch.dtype."""

    dtype: str


def stand_in(module: str, name: str) -> tuple[Any, str]:
    """What stands for `module.name` in a pickle; and that name, where torch's `weights_only` does not know it.

    Raises:
        CodeInPickleError: weights do not need it.
    """
    module = _OLD_MODULES.get(module, module)
    whole = f"{module}.{name}"
    known = _known(module, name)
    if known is not None:
        return known, ""
    if whole in _HARMLESS or whole.startswith(_TRAINING):
        return Inert, "" if whole in {"builtins.bytearray", "builtins.complex", "builtins.set"} else whole
    raise CodeInPickleError(f"would run `{whole}` when it is opened: it holds code beside weights")


def _known(module: str, name: str) -> Any:
    if module in {"torch", "torch.storage", "torch.cuda"} and name.endswith("Storage"):
        dtype = _DTYPES.get(name.removesuffix("Storage").removeprefix("_"))
        return StorageType(dtype) if dtype else None
    if module == "torch" and name in _SCALARS:
        return _Scalar(_SCALARS[name])
    return _BY_NAME.get(f"{module}.{name}")


def _tensor(
    storage: Storage, offset: int, size: Sequence[int], stride: Sequence[int], *_: object
) -> TensorInfo:
    return _viewed(storage.dtype, storage, offset, (tuple(size), tuple(stride)))


def _tensor_of_dtype(
    storage: Storage, offset: int, size: Sequence[int], stride: Sequence[int], *more: object
) -> TensorInfo:
    """`_rebuild_tensor_v3`: requires_grad, hooks, dtype; the storage is bytes."""
    dtype = more[2]
    if not isinstance(dtype, _Scalar):
        raise TypeError("not a dtype")
    return _viewed(dtype.dtype, storage, offset, (tuple(size), tuple(stride)))


def _viewed(
    dtype: str, storage: Storage, offset: int, layout: tuple[tuple[int, ...], tuple[int, ...]]
) -> TensorInfo:
    size, stride = layout
    if any(side < 0 for side in (offset, *size, *stride)) or len(size) != len(stride):
        raise BrokenHeaderError("is a broken checkpoint: a tensor has a shape that none can have")
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    if 0 not in size and (last + 1) * BYTES[dtype] > storage.bytes:
        raise BrokenHeaderError("is a broken checkpoint: a tensor lies outside of its numbers")
    return TensorInfo(dtype, size)


def _parameter(tensor: object, *_: object) -> object:
    return tensor


def _from_type(
    rebuild: Callable[..., object], _type: object, arguments: Sequence[object], _state: object
) -> object:
    if rebuild not in {_tensor, _tensor_of_dtype, _parameter}:
        raise TypeError("not a tensor")
    return rebuild(*arguments)


_BY_NAME: Mapping[str, Any] = {
    "collections.OrderedDict": _Mapping,
    "collections.Counter": _Mapping,
    "_codecs.encode": Inert,
    "torch.Size": Inert,
    "torch.Tensor": Inert,
    "torch.device": Inert,
    "torch.nn.parameter.Parameter": Inert,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _from_type,
}
"""The names of tensors and of what holds them; all are loaded by torch's `weights_only`."""


def refuse_bomb(stream: Any) -> None:
    """Look through the instructions of one pickle and leave the stream behind it.

    A single instruction can make the unpickler reserve gigabytes for its memo, and there are instructions that
    name things by numbers of other packages.

    Raises:
        BrokenHeaderError: it is no pickle, or has such an instruction.
    """
    begin = stream.tell()
    wrong = ""
    try:
        for code, argument, _ in pickletools.genops(stream):
            if code.name.startswith("EXT"):
                wrong = "is not a PyTorch checkpoint: it refers to something outside of it"
            if code.name in {"PUT", "LONG_BINPUT"} and (argument or 0) > stream.tell() - begin:
                wrong = "is a broken checkpoint: its pickle asks for far too much memory"
    except (ValueError, OverflowError, MemoryError) as error:
        raise BrokenHeaderError("is cut off, or has a pickle that cannot be read") from error
    if wrong:
        raise BrokenHeaderError(wrong)
