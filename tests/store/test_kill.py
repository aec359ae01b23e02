"""A process may be killed at any moment; the next one finds nothing that is half there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdflow.store import Store

CHILD = Path(__file__).parent / "children" / "kill.py"


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_no_record_without_its_values_after_a_hundred_kills(store: Store) -> None:
    subprocess.run([sys.executable, str(CHILD), str(store.root), "100"], check=True, timeout=60)
    found = store.verify()
    assert found.records >= 100
    assert (found.damaged, found.missing, found.unreadable) == ({}, (), ())
    for record in store.records():
        assert set(store.load(record)) == {"image", "mask"}

    leftovers = list(Path(store.layout.temporary).iterdir())
    assert len(leftovers) > 5, "the kills came between writes, so that this test shows nothing"
    assert store.collect().leftovers == 0, "files of a minute ago may belong to somebody"
    for path in leftovers:
        os.utime(path, (1, 1))
    assert store.collect().leftovers == len(leftovers)
    assert list(Path(store.layout.temporary).iterdir()) == []
    assert store.find(next(store.records()).key) is not None
