"""What a PyTorch checkpoint holds, without running it: names, types and shapes of its tensors.

A pickle is a program. It is run here by the unpickler of the standard library, which is given stand-ins that do
nothing for the few names that weights need, and ends at any other name: nothing is imported for a file, nothing
of it is called. Formats: torch's zip archives (`data.pkl` and one stored file for each storage) and the files of
torch < 1.6 (pickles one after another, then the storages).
"""

import io
import mmap
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sdflow.models.not_weights import what_it_is
from sdflow.models.pickle_names import CodeInPickleError, Inert, Storage, StorageType, refuse_bomb, stand_in
from sdflow.models.pickle_tree import tensors_of
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo

_LARGEST = 256 * 1024 * 1024
"""Bytes of a pickle without its tensors; those of checkpoints have less than a million."""
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


@dataclass(frozen=True, slots=True)
class PickleHeader:
    """What is in a checkpoint.

    `content` is the object that was saved: plain data, `TensorInfo` where a tensor is, and stand-ins for what is
    neither. `foreign` are the names that stand-ins were given for and that torch does not load by itself.
    """

    content: Any
    foreign: frozenset[str]


def read_pickle_header(file: Path) -> Mapping[str, TensorInfo]:
    """The tensors of a PyTorch checkpoint by name; those in nested mappings are named `outer.inner`.

    A `state_dict` inside is taken for the whole, as training frameworks save it.

    Raises:
        BrokenHeaderError: the file is something else, or only the beginning of a checkpoint.
        CodeInPickleError: it would call something that weights do not need.
        OSError: the file cannot be read.
    """
    return tensors_of(read_pickle(file).content, TensorInfo)


def read_pickle(file: Path) -> PickleHeader:
    """The same as it lies in the file.

    Raises:
        BrokenHeaderError, CodeInPickleError, OSError: as above.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(512)
        what = what_it_is(start)
        if what:
            raise BrokenHeaderError(what)
        if start.startswith(b"PK\x03\x04"):
            return _zipped(stream)
        if start[:1] != b"\x80":
            named = (
                "is a safetensors file under another name"
                if start[8:10] == b'{"'
                else "is not a PyTorch checkpoint"
            )
            raise BrokenHeaderError(named)
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return _legacy(mapped, size)


class _Reader(pickle.Unpickler):
    """Reads one pickle; remembers storages and foreign names."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream, encoding="utf-8", errors="replace")
        self.foreign: set[str] = set()
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        """The stand-in for a name."""
        found, foreign = stand_in(module, name)
        if foreign:
            self.foreign.add(foreign)
        return found

    def persistent_load(self, pid: Any, /) -> Any:
        """A storage: ("storage", type, key, device, elements, and in old files a view of it)."""
        if isinstance(pid, tuple) and pid[:1] == ("module",) and pid[1] is Inert:
            return pid[1]  # old files name the source text of a class beside it
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[4], int):  # noqa: PLR2004
            raise BrokenHeaderError("is not a PyTorch checkpoint: it refers to something outside of it")
        if not isinstance(pid[1], StorageType):
            raise BrokenHeaderError("is not a PyTorch checkpoint: its numbers have no type")
        storage = Storage(pid[1].dtype, str(pid[2]), pid[4])
        return self.storages.setdefault(storage.key, storage)


def _load(reader: _Reader) -> Any:
    try:
        return reader.load()
    except (BrokenHeaderError, CodeInPickleError):
        raise
    except Exception as error:  # a broken pickle can make the unpickler raise anything
        raise BrokenHeaderError(f"has a pickle that cannot be read ({type(error).__name__})") from error


def _zipped(stream: IO[bytes]) -> PickleHeader:
    try:
        with zipfile.ZipFile(stream) as archive:
            sizes = {info.filename: info for info in archive.infolist()}
            pickled = _main_pickle(sizes)
            root = pickled.filename.removesuffix("data.pkl")
            text = archive.read(pickled)
            refuse_bomb(io.BytesIO(text))
            reader = _Reader(io.BytesIO(text))
            content = _load(reader)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BrokenHeaderError("is cut off, or a broken archive") from error
    for storage in reader.storages.values():
        info = sizes.get(f"{root}data/{storage.key}")
        if info is None or info.file_size < storage.bytes or info.compress_type != zipfile.ZIP_STORED:
            raise BrokenHeaderError("is a broken checkpoint: it lacks the numbers of some of its tensors")
    return PickleHeader(content, frozenset(reader.foreign))


def _main_pickle(sizes: Mapping[str, zipfile.ZipInfo]) -> zipfile.ZipInfo:
    found = [info for name, info in sizes.items() if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(found) != 1 or found[0].filename.count("/") > 1:
        some = ", ".join(f"`{name}`" for name in sorted(sizes)[:3])
        raise BrokenHeaderError(f"is a zip archive of something else (of {some or 'nothing'})")
    root = found[0].filename.removesuffix("data.pkl")
    if f"{root}constants.pkl" in sizes or any(name.startswith(f"{root}code/") for name in sizes):
        raise CodeInPickleError("is a TorchScript program: it holds code beside weights")
    if found[0].file_size > _LARGEST:
        raise BrokenHeaderError("is a broken checkpoint: its pickle is far too large")
    return found[0]


def _legacy(stream: mmap.mmap, size: int) -> PickleHeader:
    magic, _ = _next(stream)
    if magic != _LEGACY_MAGIC:
        raise BrokenHeaderError("is a pickle, but not a PyTorch checkpoint")
    protocol, _ = _next(stream)
    if protocol != _LEGACY_PROTOCOL:
        raise BrokenHeaderError("is a PyTorch checkpoint of an unknown format")
    _next(stream)  # facts about the system
    content, reader = _next(stream)
    _next(stream)  # the keys of the storages, in the order in which they follow
    told = stream.tell() + sum(8 + storage.bytes for storage in reader.storages.values())
    if told > size:
        raise BrokenHeaderError(f"is cut off: {size:,} bytes where it tells of {told:,}")
    return PickleHeader(content, frozenset(reader.foreign))


def _next(stream: mmap.mmap) -> tuple[Any, _Reader]:
    """The next of the pickles that follow each other."""
    begin = stream.tell()
    refuse_bomb(stream)
    end = stream.tell()
    stream.seek(begin)
    reader = _Reader(io.BytesIO(stream.read(end - begin)))
    return _load(reader), reader


def number_in(header: PickleHeader, name: str) -> int | None:
    """A whole number that stands beside the weights, such as `global_step`."""
    value = header.content.get(name) if isinstance(header.content, dict) else None
    return value if isinstance(value, int) else None
