"""What goes first when room is needed, and what never goes."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sdflow.store import Collected, Store
from sdflow.store.layout import Layout
from sdflow.store.limit import _measured as measured_bytes
from sdflow.store.pins import pinned_keys
from sdflow.values.encoded import Encoded

Value = Callable[..., Encoded]
Key = Callable[[int], str]
OLD = 1_000_000.0


def used(store: Store, key: str, when: float) -> None:
    """Let a record and its blobs have been used last at a time."""
    record = store.peek(key)
    assert record is not None
    os.utime(store.layout.record(key), (when, when))
    for output in record.outputs.values():
        os.utime(store.layout.blob(output.digest), (when, when))


def keys_of(store: Store) -> set[str]:
    return {record.key for record in store.records() if store.find(record.key)}


def filled(store: Store, value: Value, key: Key, *, count: int = 5, size: int = 10_000) -> None:
    """Keys 0, 1, 2, … used in this order, long ago."""
    for number in range(count):
        store.save(key(number), {"node": "decode"}, {"image": value(number, size)}, seconds=0)
        used(store, key(number), OLD + number)


def size_of(store: Store) -> int:
    return sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())


def test_the_least_recently_used_go_first(store: Store, value: Value, key: Key) -> None:
    filled(store, value, key)
    used(store, key(0), OLD + 100)
    done = store.collect(25_000)
    assert keys_of(store) == {key(0), key(4)}
    assert (done.records, done.blobs, done.left_records, done.over_limit) == (3, 3, 2, False)
    assert done.left_bytes == size_of(store) <= 25_000


def test_loading_saves_a_record_from_eviction(store: Store, value: Value, key: Key) -> None:
    filled(store, value, key)
    store.load(key(1))
    store.collect(15_000)
    assert keys_of(store) == {key(1)}


def test_a_shared_blob_goes_with_its_last_record(store: Store, value: Value, key: Key) -> None:
    """The blob counts once: five records of one blob fit where two blobs would not.

    0 ─┐
    1 ─┼─ shared        9 ── its own
    2 ─┘
    """
    for number in range(3):
        store.save(key(number), None, {"image": value(0, 10_000)}, seconds=0)
        used(store, key(number), OLD + number)
    store.save(key(9), None, {"image": value(9, 10_000)}, seconds=0)
    used(store, key(9), OLD - 1)
    assert store.collect(25_000).records == 0
    assert store.collect(15_000).records == 1
    assert keys_of(store) == {key(0), key(1), key(2)}
    store.delete(key(0))
    store.delete(key(1))
    assert store.collect().blobs == 0
    assert keys_of(store) == {key(2)}
    store.delete(key(2))
    assert store.collect().blobs == 1
    assert store.usage().nbytes == 0


def test_records_too_old_go_whatever_the_room(store: Store, value: Value, key: Key) -> None:
    filled(store, value, key)
    used(store, key(3), time.time() - 7_200)
    assert store.collect(older_than=86_400).records == 4
    assert keys_of(store) == {key(3)}


def test_a_dry_run_tells_the_same_and_removes_nothing(store: Store, value: Value, key: Key) -> None:
    filled(store, value, key)
    before = size_of(store)
    told = store.collect(25_000, dry_run=True)
    assert size_of(store) == before
    assert told == store.collect(25_000)


def test_pinned_keys_stay_even_above_the_limit(store: Store, value: Value, key: Key) -> None:
    filled(store, value, key)
    store.pin("golden/astronaut", [key(0), key(1)])
    done = store.collect(0)
    assert keys_of(store) == {key(0), key(1)}
    assert (done.pinned, done.over_limit) == (2, True)
    store.unpin("golden/astronaut")
    store.collect(0)
    assert keys_of(store) == set()


def test_what_was_just_used_stays(store: Store, value: Value, key: Key) -> None:
    """Another process may be between finding and loading."""
    filled(store, value, key)
    store.load(key(0))
    store.touch([key(1)])
    store.collect(0)
    assert keys_of(store) == {key(0), key(1)}


def test_a_young_blob_without_a_record_stays(store: Store, value: Value, key: Key) -> None:
    record = store.save(key(1), None, {"image": value(1)}, seconds=0)
    store.delete(key(1))
    assert store.collect(0) == Collected(left_bytes=record.nbytes, over_limit=True)
    assert store.collect(0, grace=0).blobs == 1


def test_a_blob_shared_while_gc_looks_elsewhere_stays(
    store: Store, value: Value, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gc has listed an old orphan; before it gets there, somebody saves the same value under a new key."""
    filled(store, value, key, count=1)
    store.delete(key(0))

    def meanwhile(layout: Layout) -> frozenset[str]:
        store.save(key(7), None, {"image": value(0, 10_000)}, seconds=0)
        return pinned_keys(layout)

    monkeypatch.setattr("sdflow.store.collect.pinned_keys", meanwhile)
    assert store.collect(0).blobs == 0
    assert store.load(key(7))["image"].to_bytes() == value(0, 10_000).to_bytes()


def test_records_that_lost_a_value_or_their_text_go(store: Store, value: Value, key: Key) -> None:
    filled(store, value, key)
    record = store.peek(key(1))
    assert record is not None
    Path(store.layout.blob(record.outputs["image"].digest)).unlink()
    Path(store.layout.record(key(2))).write_bytes(b"{")
    os.utime(store.layout.record(key(2)), (1, 1))
    done = store.collect()
    assert (done.records, done.blobs) == (2, 1)  # the blob of 2 has no record any more
    assert keys_of(store) == {key(0), key(3), key(4)}


@pytest.mark.skipif(sys.platform == "win32", reason="files that are open cannot be removed there anyway")
def test_a_file_that_takes_long_to_write_is_not_taken_for_a_dead_ones(
    store: Store, value: Value, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flushing 16 GB to a slow disk takes minutes, in which gc of another process may come by."""
    seen = []

    def slow(_: int) -> None:
        (path,) = Path(store.layout.temporary).iterdir()
        now = time.time()
        os.utime(path, (1, 1))
        assert store.collect().leftovers == 0
        os.utime(path, (now, now))
        seen.append(path)

    monkeypatch.setattr(os, "fsync", slow)
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    assert len(seen) == 2
    assert store.find(key(1)) is not None


def test_gc_of_no_store_is_nothing(store: Store) -> None:
    assert store.collect(0) == Collected()
    assert not store.root.exists()


def test_a_store_trims_itself_while_it_is_written(tmp_path: Path, value: Value, key: Key) -> None:
    store = Store.open(tmp_path / "cache", limit_bytes=200_000)
    for number in range(60):
        store.save(key(number), None, {"image": value(number, 10_000)}, seconds=0)
        used(store, key(number), OLD + number)
    assert size_of(store) < 200_000 + 20_000
    assert key(59) in keys_of(store)
    assert key(0) not in keys_of(store)


def test_processes_hand_on_what_they_wrote(tmp_path: Path, value: Value, key: Key) -> None:
    """Each opens the store anew, and writes less than what makes a store count itself."""
    for number in range(30):
        store = Store.open(tmp_path / "cache", limit_bytes=200_000)
        store.save(key(number), None, {"image": value(number, 9_000)}, seconds=0)
        used(store, key(number), OLD + number)
        store.trim()
    assert 100_000 < size_of(store) < 200_000 + 20_000


def test_below_its_limit_a_store_counts_once_a_day(
    tmp_path: Path, value: Value, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []

    def measured(layout: Layout) -> int:
        counted.append(1)
        return measured_bytes(layout)

    monkeypatch.setattr("sdflow.store.limit._measured", measured)
    store = Store.open(tmp_path / "cache", limit_bytes=200_000)
    for number in range(5):
        store.save(key(number), None, {"image": value(number)}, seconds=0)
        assert store.trim() is None
    assert counted == [1]
    tomorrow = time.time() + 90_000
    monkeypatch.setattr("sdflow.store.limit.time.time", lambda: tomorrow)
    store.trim()
    assert counted == [1, 1]
