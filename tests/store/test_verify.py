"""`cache verify` finds all that is wrong, `cache du` counts all that is there."""

from collections.abc import Callable
from pathlib import Path

from sdflow.store import Share, Store, Verified
from sdflow.values.encoded import Encoded

Value = Callable[..., Encoded]
Key = Callable[[int], str]


def test_a_sound_store(store: Store, value: Value, key: Key) -> None:
    for number in range(4):
        store.save(key(number), None, {"image": value(number)}, seconds=0)
    calls: list[tuple[int, int]] = []
    found = store.verify(lambda done, total: calls.append((done, total)))
    assert (found.records, found.blobs, found.is_sound) == (4, 4, True)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1] == (found.nbytes, found.nbytes)


def test_no_store_is_sound(store: Store) -> None:
    assert store.verify() == Verified(0, 0, 0, {}, (), (), ())


def test_everything_wrong_is_found_and_damage_removed(store: Store, value: Value, key: Key) -> None:
    def blob(number: int) -> Path:
        record = store.peek(key(number))
        assert record is not None
        return Path(store.layout.blob(record.outputs["image"].digest))

    for number in range(6):
        store.save(key(number), None, {"image": value(number)}, seconds=0)
    store.save(key(6), None, {"image": value(1)}, seconds=0)

    flipped = blob(1)
    content = bytearray(flipped.read_bytes())
    content[-1] ^= 1
    flipped.write_bytes(content)
    blob(2).unlink()
    Path(store.layout.record(key(3))).write_bytes(b"{}")
    orphan = blob(4)
    store.delete(key(4))

    found = store.verify()
    assert found.damaged == {flipped.name: tuple(sorted([key(1), key(6)]))}
    assert found.missing == (key(2),)
    assert found.unreadable == (key(3),)
    assert orphan.name in found.orphaned
    assert not found.is_sound
    assert not flipped.exists()
    assert {number for number in range(7) if store.find(key(number))} == {0, 5}
    assert store.verify().damaged == {}


def test_usage_by_node_type(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), {"node": "decode"}, {"image": value(1, 500)}, seconds=0)
    store.save(key(2), {"node": "decode"}, {"image": value(1, 500), "mask": value(2, 10)}, seconds=0)
    store.save(key(3), {"node": "denoise"}, {"latent": value(1, 500)}, seconds=0)
    store.save(key(4), [1, 2], {"image": value(4, 5)}, seconds=0)
    Path(store.layout.record(key(9))).parent.mkdir(parents=True, exist_ok=True)
    Path(store.layout.record(key(9))).write_bytes(b"?")
    sizes = {number: len(value(number, size).to_bytes()) for number, size in ((1, 500), (2, 10), (4, 5))}

    found = store.usage()
    assert (found.records, found.blobs) == (5, 3)
    assert found.by_type == {
        "decode": Share(2, sizes[1] + sizes[2]),
        "denoise": Share(1, sizes[1]),
        "other": Share(1, sizes[4]),
        "unreadable": Share(1, 0),
    }
    assert next(iter(found.by_type)) == "decode"
    assert found.nbytes == sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())
