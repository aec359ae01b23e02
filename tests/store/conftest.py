"""What the tests of the store share: a store in a fresh folder, and small values that differ by number."""

import hashlib
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sdflow.store import Store
from sdflow.values.encoded import Encoded, RawTensor


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "cache", limit_bytes=None)


@pytest.fixture(autouse=True)
def _children_import_what_we_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))


@pytest.fixture
def value() -> Callable[..., Encoded]:
    """`value(number, size)`: other numbers give other bytes."""

    def make(number: int, size: int = 64) -> Encoded:
        pixels = random.Random(number).randbytes(size)
        return Encoded("Image", {"number": number}, {"pixels": RawTensor("U8", (size,), pixels)})

    return make


@pytest.fixture
def key() -> Callable[[int], str]:
    """`key(number)`: a key as the graph makes them."""
    return lambda number: hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def not_root() -> Iterator[Path]:
    """A folder of one's own, as a user whom permissions bind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        user = os.geteuid() if hasattr(os, "geteuid") else 1
        if user == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if user == 0:
                os.seteuid(0)
            for path in (folder, *folder.rglob("*")):
                if path.is_dir():
                    path.chmod(0o700)
