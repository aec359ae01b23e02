"""Whatever happens to a file of the store, a value is right or it is a miss, never wrong."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdflow.store import LostValueError, Record, Store, StoredOutput
from sdflow.store.record import details_of
from sdflow.values.encoded import Encoded

Value = Callable[..., Encoded]
Key = Callable[[int], str]


def blob_of(store: Store, record: Record) -> Path:
    return Path(store.layout.blob(record.outputs["image"].digest))


def test_a_flipped_bit_anywhere_in_a_blob_is_noticed(store: Store, value: Value, key: Key) -> None:
    record = store.save(key(1), None, {"image": value(1)}, seconds=0)
    path = blob_of(store, record)
    good = path.read_bytes()
    for place in range(len(good)):
        for bit in (1, 128):
            bad = bytearray(good)
            bad[place] ^= bit
            path.write_bytes(bad)
            assert store.find(key(1)) is not None  # looking up reads no blobs
            with pytest.raises(LostValueError) as caught:
                store.load(key(1))
            assert caught.value.damaged
            assert caught.value.problem.code == "SDF505"
            assert not path.exists()
            assert store.find(key(1)) is None


def test_a_damaged_value_can_be_saved_again(store: Store, value: Value, key: Key) -> None:
    record = store.save(key(1), None, {"image": value(1)}, seconds=0)
    path = blob_of(store, record)
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(LostValueError):
        store.load(key(1))
    again = store.save(key(1), None, {"image": value(1)}, seconds=0)
    assert again.also == ()
    assert store.load(key(1))["image"].to_bytes() == value(1).to_bytes()


@pytest.mark.parametrize("keep", [0, 1, 8, 100, -1])
def test_a_truncated_blob_is_a_miss(store: Store, value: Value, key: Key, keep: int) -> None:
    record = store.save(key(1), None, {"image": value(1)}, seconds=0)
    path = blob_of(store, record)
    path.write_bytes(path.read_bytes()[:keep])
    assert store.find(key(1)) is None
    with pytest.raises(LostValueError) as caught:
        store.load(record)
    assert caught.value.damaged


def test_a_blob_that_cannot_be_read_is_a_miss(store: Store, value: Value, key: Key) -> None:
    record = store.save(key(1), None, {"image": value(1)}, seconds=0)
    path = blob_of(store, record)
    path.unlink()
    path.mkdir()
    with pytest.raises(LostValueError, match="cannot be read"):
        store.load(record)


def test_a_blob_of_something_else_is_a_miss(store: Store, value: Value, key: Key) -> None:
    """Right bytes by their digest, but not a value: as a future format, or a stranger's cache, could have."""
    content = b"not a value"
    digest = hashlib.sha256(content).hexdigest()
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    path = Path(store.layout.blob(digest))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    forged = Record(
        key(1),
        {"image": StoredOutput("Image", digest, len(content))},
        0.0,
        None,
        0.0,
        (),
        details_of(None, None),
    )
    Path(store.layout.record(key(1))).write_bytes(forged.to_bytes())
    with pytest.raises(LostValueError, match="not what was written"):
        store.load(key(1))


def test_a_record_cut_anywhere_is_a_miss(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), {"node": "x"}, {"image": value(1)}, seconds=0)
    path = Path(store.layout.record(key(1)))
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        assert store.find(key(1)) is None
    path.write_bytes(good)
    assert store.find(key(1)) is not None


def test_a_flipped_bit_anywhere_in_a_record_is_a_miss(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), {"node": "x"}, {"image": value(1)}, seconds=0)
    path = Path(store.layout.record(key(1)))
    good = path.read_bytes()
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1
        path.write_bytes(bad)
        assert store.find(key(1)) is None


def test_a_record_under_another_key_is_a_miss(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    other = Path(store.layout.record(key(2)))
    other.parent.mkdir(parents=True, exist_ok=True)
    Path(store.layout.record(key(1))).rename(other)
    assert store.find(key(2)) is None


def test_a_record_that_names_a_file_outside_reaches_nothing(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    (store.root / "v1" / "precious").write_bytes(b"12")
    output = StoredOutput("Image", "../../precious", 2)
    forged = Record(key(1), {"image": output}, 0.0, None, 0.0, (), details_of(None, None))
    Path(store.layout.record(key(1))).write_bytes(forged.to_bytes())
    assert store.find(key(1)) is None
    with pytest.raises(LostValueError):
        store.load(key(1))
    assert (store.root / "v1" / "precious").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(garbage=st.binary(max_size=400))
def test_a_record_of_garbage_is_a_miss(store: Store, key: Key, garbage: bytes) -> None:
    path = Path(store.layout.record(key(1)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(garbage)
    assert store.find(key(1)) is None
    assert store.verify().unreadable == (key(1),)


def test_a_damaged_record_is_replaced_by_the_next_save(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    Path(store.layout.record(key(1))).write_bytes(b"")
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    assert store.find(key(1)) is not None
