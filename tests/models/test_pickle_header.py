"""What a PyTorch checkpoint holds is read without torch, and nothing of it is ever called."""

import argparse
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sdflow.models.pickle_header import number_in, read_pickle, read_pickle_header
from sdflow.models.pickle_names import CodeInPickleError
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo

WEIGHTS = OrderedDict(
    {
        "full": torch.arange(6.0).reshape(2, 3),
        "half": torch.zeros(4, dtype=torch.float16),
        "brain": torch.zeros(2, 2, dtype=torch.bfloat16),
        "number": torch.tensor(7),
        "view": torch.arange(12.0).reshape(3, 4)[:, 1:3],
        "parameter": torch.nn.Parameter(torch.zeros(5)),
        "empty": torch.zeros(0, 3),
    }
)
INFOS = {
    "full": TensorInfo("F32", (2, 3)),
    "half": TensorInfo("F16", (4,)),
    "brain": TensorInfo("BF16", (2, 2)),
    "number": TensorInfo("I64", ()),
    "view": TensorInfo("F32", (3, 2)),
    "parameter": TensorInfo("F32", (5,)),
    "empty": TensorInfo("F32", (0, 3)),
}
FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])


def save(content: object, file: Path, *, zipped: bool = True) -> Path:
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file


@FORMATS
def test_names_types_and_shapes(tmp_path: Path, zipped: bool) -> None:
    assert read_pickle_header(save(WEIGHTS, tmp_path / "file.ckpt", zipped=zipped)) == INFOS


@FORMATS
def test_what_a_training_saves_beside_its_weights(tmp_path: Path, zipped: bool) -> None:
    training = {
        "global_step": 875000,
        "state_dict": WEIGHTS,
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
        "arguments": argparse.Namespace(rate=1e-4),
        "moments": {"set", "of", "words"},
    }
    header = read_pickle(save(training, tmp_path / "file.ckpt", zipped=zipped))
    assert number_in(header, "global_step") == 875000
    assert number_in(header, "epoch") is None
    assert header.foreign == {"argparse.Namespace"}
    assert read_pickle_header(tmp_path / "file.ckpt") == INFOS


@FORMATS
def test_lightning_s_callbacks_are_passed_over(tmp_path: Path, zipped: bool) -> None:
    content = {"callbacks": {"CLASS": 1}, "state_dict": {"a": torch.zeros(2)}}
    file = save(content, tmp_path / "file.ckpt", zipped=zipped)
    text = pickle.dumps({"callbacks": {argparse.Namespace: 1}}, protocol=2)
    assert b"cargparse\nNamespace\n" in text
    # The same reference as in the checkpoints of Stable Diffusion 1.4, to a package that is not installed.
    name = b"cpytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint\n"
    _replace(file, b"X\x05\x00\x00\x00CLASS", name, zipped=zipped)
    assert read_pickle_header(file) == {"a": TensorInfo("F32", (2,))}
    assert read_pickle(file).foreign == {"pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"}


def _replace(file: Path, old: bytes, new: bytes, *, zipped: bool) -> None:
    """Another instruction in the pickle of a checkpoint."""
    if not zipped:
        content = file.read_bytes()
        assert old in content
        file.write_bytes(content.replace(old, new))
        return
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            assert old in content or not name.endswith("data.pkl")
            archive.writestr(name, content.replace(old, new) if name.endswith("data.pkl") else content)


@FORMATS
def test_nested_tensors_are_named_by_their_way(tmp_path: Path, zipped: bool) -> None:
    """As A1111's textual inversions are, older ones with a ParameterDict."""
    plain = {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.zeros(2, 768)}, "name": "toy"}
    vectors = {"string_to_param.*": TensorInfo("F32", (2, 768))}
    assert read_pickle_header(save(plain, tmp_path / "plain.pt", zipped=zipped)) == vectors
    dictionary = torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.zeros(2, 768))})
    if not zipped:
        return
    older = {**plain, "string_to_param": dictionary}
    header = read_pickle(save(older, tmp_path / "older.pt"))
    assert "torch.nn.modules.container.ParameterDict" in header.foreign
    assert read_pickle_header(tmp_path / "older.pt") == vectors


class _Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path, call: Callable[..., object] = os.mkdir) -> None:
        self.mark = mark
        self.call = call

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return self.call, (str(self.mark),)


@FORMATS
@pytest.mark.parametrize(
    "call", [os.mkdir, os.makedirs, Path.mkdir, eval, getattr], ids=lambda it: it.__name__
)
def test_code_is_refused_and_not_run(tmp_path: Path, zipped: bool, call: Callable[..., object]) -> None:
    mark = tmp_path / "mark"
    file = save({"a": torch.zeros(2), "b": _Runs(mark, call)}, tmp_path / "evil.ckpt", zipped=zipped)
    with pytest.raises(CodeInPickleError, match=r"would run `[\w.]+\.\w+` when it is opened"):
        read_pickle_header(file)
    assert not mark.exists()


def test_nothing_is_imported_for_a_file(tmp_path: Path) -> None:
    """A module of the name that the file mentions lies in reach, and would leave a mark when imported."""
    file = save({"x": "CLASS", "a": torch.zeros(2)}, tmp_path / "file.ckpt")
    _replace(file, b"X\x05\x00\x00\x00CLASS", b"comegaconf.trap\nThing\n", zipped=True)
    (tmp_path / "omegaconf").mkdir()
    (tmp_path / "omegaconf/trap.py").write_text("open('mark', 'w').close()")
    code = (
        "import sys; from pathlib import Path; from sdflow.models.pickle_header import read_pickle_header;"
        "print(sorted(read_pickle_header(Path('file.ckpt'))), 'torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['a'] False"
    assert not (tmp_path / "mark").exists()


def _zip(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _checkpoint(*, zipped: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save({"a": torch.zeros(1000)}, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def _dumps(value: Any) -> bytes:
    return pickle.dumps(value, protocol=2)


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "text": (b"hello", "is a text file"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    "web page": (b"<!DOCTYPE html><html></html>", "a web page"),
    "quantized": (b"GGUF\x03\x00\x00\x00", "GGUF"),
    "picture": (b"\x89PNG\r\n\x1a\n", "a picture"),
    "other pickle": (_dumps({"a": 1}), "not a PyTorch checkpoint"),
    "other zip": (
        _zip({"readme.txt": b"hello", "b": b""}),
        r"a zip archive of something else \(of `b`, `readme",
    ),
    "zip cut off": (_checkpoint()[:-500], "cut off"),
    "zip without numbers": (
        _zip({"archive/data.pkl": zipfile.ZipFile(io.BytesIO(_checkpoint())).read("archive/data.pkl")}),
        "lacks the numbers",
    ),
    "old cut off": (_checkpoint(zipped=False)[:-500], "is cut off: "),
    "old cut off early": (_checkpoint(zipped=False)[:200], "cut off"),
    "memo bomb": (_zip({"archive/data.pkl": b"\x80\x02}r\xff\xff\xff\x0f."}), "far too much memory"),
    "registered code": (_zip({"archive/data.pkl": b"\x80\x02\x82\x01."}), "something outside"),
    "outside reference": (_zip({"archive/data.pkl": b"\x80\x02K\x01Q."}), "something outside"),
    "endless": (_zip({"archive/data.pkl": b"\x80\x02}" + b"(" * 100}), "cannot be read"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_checkpoint(tmp_path: Path, case: str) -> None:
    content, words = BROKEN[case]
    (tmp_path / "file.ckpt").write_bytes(content)
    with pytest.raises(BrokenHeaderError, match=words):
        read_pickle_header(tmp_path / "file.ckpt")


def test_a_program_of_torchscript_is_code(tmp_path: Path) -> None:
    content = _zip({"a/data.pkl": _dumps(1), "a/constants.pkl": b"", "a/code/x.py": b""})
    (tmp_path / "file.pt").write_bytes(content)
    with pytest.raises(CodeInPickleError, match="TorchScript"):
        read_pickle_header(tmp_path / "file.pt")


def test_a_tensor_outside_of_its_numbers(tmp_path: Path) -> None:
    file = save({"a": torch.zeros(3)}, tmp_path / "file.ckpt")
    _replace(file, b"K\x03", b"K\x04", zipped=True)  # elements and the side alike
    with pytest.raises(BrokenHeaderError, match="lacks the numbers"):
        read_pickle_header(file)
    file = save({"a": torch.zeros(3)}, tmp_path / "file.ckpt")
    _replace(file, b"K\x03\x85", b"K\x04\x85", zipped=True)  # the side alone
    with pytest.raises(BrokenHeaderError, match="outside of its numbers"):
        read_pickle_header(file)


def test_shared_numbers_and_their_views(tmp_path: Path) -> None:
    whole = torch.arange(10.0)
    file = save(
        {"a": whole, "b": whole[2:], "c": whole.reshape(2, 5).T}, tmp_path / "file.ckpt", zipped=False
    )
    shapes = {name: info.shape for name, info in read_pickle_header(file).items()}
    assert shapes == {"a": (10,), "b": (8,), "c": (5, 2)}


def test_a_web_of_references_ends(tmp_path: Path) -> None:
    """Each list holds the one before it ten times: a few bytes that are billions of values."""
    web: list[Any] = [1] * 10
    for _ in range(9):
        web = [web] * 10
    save({"a": web}, tmp_path / "file.ckpt")
    with pytest.raises(BrokenHeaderError, match="beyond sense"):
        read_pickle_header(tmp_path / "file.ckpt")


def test_lengths_are_not_believed(tmp_path: Path) -> None:
    text = b"\x80\x02\x8d" + struct.pack("<Q", 1 << 40) + b"x."
    (tmp_path / "file.ckpt").write_bytes(_zip({"archive/data.pkl": text}))
    with pytest.raises(BrokenHeaderError):
        read_pickle_header(tmp_path / "file.ckpt")
