"""What is saved is found and loaded, by this process and by others, until it is deleted."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sdflow.store import LostValueError, Store, StoreError
from sdflow.values.encoded import Encoded, RawTensor

Value = Callable[..., Encoded]
Key = Callable[[int], str]


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_saved_value_is_found_and_loaded(store: Store, value: Value, key: Key) -> None:
    saved = store.save(
        key(1),
        {"node": "decode", "version": 2},
        {"image": value(1), "mask": value(2)},
        seconds=1.5,
        peak_bytes=7,
        environment={"threads": 2},
        summaries={"image": {"mean": 0.5}},
    )
    found = store.find(key(1))
    assert found == saved
    assert (found.preimage, found.environment) == ({"node": "decode", "version": 2}, {"threads": 2})
    assert (found.seconds, found.peak_bytes, found.also) == (1.5, 7, ())
    assert abs(found.created - time.time()) < 60
    assert {port: (out.kind, out.summary) for port, out in found.outputs.items()} == {
        "image": ("Image", {"mean": 0.5}),
        "mask": ("Image", None),
    }
    loaded = store.load(found)
    assert {port: encoded.to_bytes() for port, encoded in loaded.items()} == {
        "image": value(1).to_bytes(),
        "mask": value(2).to_bytes(),
    }
    assert list(store.load(key(1), ["mask"])) == ["mask"]


def test_the_latest_are_those_that_were_used_last(store: Store, value: Value, key: Key) -> None:
    for number, used in enumerate([30, 10, 40, 20]):
        store.save(key(number), None, {"image": value(number)}, seconds=0)
        os.utime(store.layout.record(key(number)), (used, used))
    assert [record.key for record in store.latest(3)] == [key(2), key(0), key(3)]
    assert len(list(store.latest(9))) == 4


def test_another_process_finds_it(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    code = (
        "import sys; from pathlib import Path; from sdflow.store import Store;"
        "s = Store.open(Path(sys.argv[1]), limit_bytes=None);"
        "print(s.load(sys.argv[2])['image'].skeleton['number']);"
        "print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.root), key(1)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "False", "False"]


def test_looking_up_leaves_no_trace(store: Store, key: Key) -> None:
    assert store.find(key(1)) is None
    assert store.find_many([key(1), key(2)]) == {}
    assert list(store.records()) == []
    assert not store.root.exists()


@pytest.mark.parametrize("nonsense", ["", "..", "../../etc/passwd", "a/b", "a\0b", "ключ"])
def test_what_is_no_key_is_never_found(store: Store, nonsense: str) -> None:
    assert store.find(nonsense) is None


def test_find_many_finds_what_find_finds(store: Store, value: Value, key: Key) -> None:
    for number in range(3):
        store.save(key(number), None, {"image": value(number)}, seconds=number)
    wanted = [key(2), key(5), key(0), key(2)]
    assert store.find_many(wanted) == {key(2): store.find(key(2)), key(0): store.find(key(0))}


def test_equal_values_are_kept_once(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    store.save(key(2), None, {"image": value(1), "again": value(1)}, seconds=0)
    assert len([name for name in files(store.root) if "/blobs/" in name]) == 1
    assert store.load(key(2))["again"].to_bytes() == value(1).to_bytes()


def test_sharing_a_blob_makes_it_young(store: Store, value: Value, key: Key) -> None:
    record = store.save(key(1), None, {"image": value(1)}, seconds=0)
    path = store.layout.blob(record.outputs["image"].digest)
    os.utime(path, (1, 1))
    store.save(key(2), None, {"image": value(1)}, seconds=0)
    assert time.time() - Path(path).stat().st_mtime < 60


def test_loading_marks_as_used_and_finding_does_not(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    path = Path(store.layout.record(key(1)))
    os.utime(path, (1, 1))
    store.find(key(1))
    assert path.stat().st_mtime == 1
    store.load(key(1))
    assert time.time() - path.stat().st_mtime < 60


def test_a_second_use_within_a_minute_writes_nothing(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    path = Path(store.layout.record(key(1)))
    just_now = int(time.time()) - 30
    os.utime(path, (just_now, just_now))
    store.touch([key(1), key(99)])
    assert path.stat().st_mtime == just_now


def test_other_bytes_under_one_key_are_remembered(store: Store, value: Value, key: Key) -> None:
    first = store.save(key(1), None, {"image": value(1)}, seconds=0)
    same = store.save(key(1), None, {"image": value(1)}, seconds=0)
    assert same.also == ()
    second = store.save(key(1), None, {"image": value(2)}, seconds=0)
    assert [earlier.digests for earlier in second.also] == [first.digests]
    assert second.also[0].created == same.created
    third = store.save(key(1), None, {"image": value(3)}, seconds=0)
    assert [earlier.digests for earlier in third.also] == [first.digests, second.digests]
    assert store.find(key(1)) == third
    assert store.load(key(1))["image"].to_bytes() == value(3).to_bytes()


def test_a_deleted_key_is_gone(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    assert store.delete(key(1))
    assert not store.delete(key(1))
    assert store.find(key(1)) is None
    with pytest.raises(LostValueError, match="no record") as caught:
        store.load(key(1))
    assert not caught.value.damaged


def test_an_evicted_blob_is_a_miss_whose_record_still_explains(store: Store, value: Value, key: Key) -> None:
    record = store.save(key(1), {"node": "decode"}, {"image": value(1)}, seconds=4)
    Path(store.layout.blob(record.outputs["image"].digest)).unlink()
    assert store.find(key(1)) is None
    assert store.peek(key(1)) == record
    with pytest.raises(LostValueError, match="was removed") as caught:
        store.load(record)
    assert not caught.value.damaged


def test_all_records_are_listed(store: Store, value: Value, key: Key) -> None:
    for number in range(5):
        store.save(key(number), {"number": number}, {"image": value(number)}, seconds=0)
    assert [record.key for record in store.records()] == sorted(key(number) for number in range(5))


def test_a_value_without_tensors_and_an_empty_tensor(store: Store, key: Key) -> None:
    nothing = Encoded("Nothing", None, {})
    empty = Encoded("Empty", [], {"empty": RawTensor("F32", (0, 4), b"")})
    store.save(key(1), None, {"nothing": nothing, "empty": empty}, seconds=0)
    assert store.load(key(1)) == {"nothing": nothing, "empty": empty}


def test_nothing_half_written_is_left_behind(store: Store, value: Value, key: Key) -> None:
    store.prepare()
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    assert [name for name in files(store.root) if "temporary" in name] == []
    assert (store.root / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_a_temporary_store_is_gone_afterwards(value: Value, key: Key) -> None:
    with Store.temporary() as store:
        store.save(key(1), None, {"image": value(1)}, seconds=0)
        assert store.find(key(1)) is not None
        root = store.root
    assert not root.exists()


def test_a_file_in_place_of_the_folder_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreError) as caught:
        Store.open(tmp_path / "cache", limit_bytes=None)
    assert [problem.code for problem in caught.value.problems] == ["SDF504"]
