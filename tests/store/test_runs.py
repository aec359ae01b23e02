"""The index of runs remembers the last key of each node of a recipe."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sdflow.store import RunIndex, runs
from sdflow.store.layout import Layout

Key = Callable[[int], str]


@pytest.fixture
def index(tmp_path: Path) -> RunIndex:
    return RunIndex(Layout(tmp_path / "cache"))


def test_a_recipe_that_never_ran_has_no_keys(index: RunIndex) -> None:
    assert index.previous("recipe") == {}
    assert index.of_node("recipe", "sample") == {}


def test_keys_come_back_by_cell_and_node(index: RunIndex, key: Key) -> None:
    keys = {("seed=1", "sample"): key(1), ("seed=2", "sample"): key(2), ("seed=1", "image"): key(3)}
    index.remember("recipe", keys)
    assert index.previous("recipe") == keys
    assert index.of_node("recipe", "sample") == {"seed=1": key(1), "seed=2": key(2)}
    assert index.previous("another recipe") == {}


def test_what_was_no_part_of_a_run_keeps_its_key(index: RunIndex, key: Key) -> None:
    index.remember("recipe", {("", "text"): key(1), ("", "sample"): key(2)})
    index.remember("recipe", {("", "text"): key(3)})
    assert index.previous("recipe") == {("", "text"): key(3), ("", "sample"): key(2)}


def test_it_does_not_grow_without_end(index: RunIndex, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_ENTRIES", 3)
    for number in range(5):
        index.remember("recipe", {(f"seed={number}", "sample"): key(number)})
    index.remember("recipe", {("seed=2", "sample"): key(9)})
    index.remember("recipe", {("seed=7", "sample"): key(7)})
    assert set(index.of_node("recipe", "sample")) == {"seed=4", "seed=2", "seed=7"}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"identity": "recipe"}',
        b'{"identity": "recipe", "cells": []}',
        b'{"identity": "recipe", "cells": {"": 7}}',
        b'{"identity": "other", "cells": {"": {"a": "b"}}}',
        b"[" * 100_000,
    ],
)
def test_garbage_is_no_previous_run(index: RunIndex, key: Key, garbage: bytes) -> None:
    index.remember("recipe", {("", "text"): key(1)})
    (path,) = Path(index.layout.base).rglob("*.json")
    path.write_bytes(garbage)
    assert index.previous("recipe") == {}
    index.remember("recipe", {("", "text"): key(2)})
    assert index.previous("recipe") == {("", "text"): key(2)}


def test_concurrent_writers_lose_reasons_at_most(index: RunIndex, key: Key) -> None:
    """Readers always see a whole index, and every key is one that somebody wrote."""
    seen: list[object] = []

    def work(number: int) -> None:
        for turn in range(30):
            index.remember("recipe", {(str(number), "sample"): key(turn)})
            seen.append(dict(index.previous("recipe")))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {} not in seen
    assert set(index.previous("recipe").values()) <= {key(turn) for turn in range(30)}
