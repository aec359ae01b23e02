"""Eight processes share a store, while some of them throw things away without any grace."""

import subprocess
import sys
from pathlib import Path

from sdflow.store import Store

CHILD = Path(__file__).parent / "children" / "share.py"


def test_eight_processes_save_load_and_collect_at_once(store: Store) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, str(CHILD), str(store.root), str(seed), "120"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(8)
    ]
    hits = 0
    for child in children:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        hits += int(out)
    assert hits > 100
    found = store.verify()
    assert (found.damaged, found.unreadable) == ({}, ())
    assert list(Path(store.layout.temporary).iterdir()) == []
    assert list(Path(store.layout.locks).iterdir()) == []
    store.collect(grace=0)
    assert store.verify().missing == ()
