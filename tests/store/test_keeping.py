"""Pins keep keys; locks keep two from computing one; both end with their process."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sdflow.store import Store
from sdflow.store.pins import pinned_keys
from sdflow.values.encoded import Encoded

Value = Callable[..., Encoded]
Key = Callable[[int], str]

HOLDER = """
import sys
from pathlib import Path
from sdflow.store import Store

store = Store.open(Path(sys.argv[1]), limit_bytes=None)
with store.lock(sys.argv[2]), store.running([sys.argv[2]]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(store: Store, key: str) -> "subprocess.Popen[str]":
    """A process that holds the lock and the pin of a key until it reads a line, or dies."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.root), key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_pins_are_named_and_replaced(store: Store, key: Key) -> None:
    store.pin("golden/астронавт.png", [key(1), key(2), key(1)])
    store.pin("mine", [key(3)])
    assert store.pins() == {"golden/астронавт.png": {key(1), key(2)}, "mine": {key(3)}}
    store.pin("mine", [key(4)])
    assert store.pins()["mine"] == {key(4)}
    assert store.unpin("mine")
    assert not store.unpin("mine")
    assert pinned_keys(store.layout) == {key(1), key(2)}


def test_a_pin_of_garbage_pins_nothing(store: Store, key: Key) -> None:
    store.pin("mine", [key(1)])
    for content in (b"", b"[]", b'{"name": "x"}', b"\xff", b'{"name": "x", "keys": 7}'):
        next(Path(store.layout.pins).glob("*.json")).write_bytes(content)
        assert store.pins() == {}


def test_a_running_plan_pins_while_it_runs(store: Store, key: Key) -> None:
    with store.running([key(1)]), store.running([key(2)]):
        assert pinned_keys(store.layout) == {key(1), key(2)}
    assert pinned_keys(store.layout) == set()
    assert list(Path(store.layout.running_pins).iterdir()) == []


def test_a_living_process_pins_however_long_it_runs(store: Store, key: Key) -> None:
    child = holder(store, key(1))
    (path,) = Path(store.layout.running_pins).iterdir()
    os.utime(path, (1, 1))
    assert pinned_keys(store.layout) == {key(1)}
    child.communicate("done\n", timeout=20)
    assert pinned_keys(store.layout) == set()


def test_a_killed_process_pins_nothing(store: Store, key: Key) -> None:
    child = holder(store, key(1))
    child.kill()
    child.communicate(timeout=20)
    (path,) = Path(store.layout.running_pins).iterdir()
    assert json.loads(path.read_text())["keys"] == [key(1)]
    os.utime(path, (1, 1))
    assert pinned_keys(store.layout) == set()
    assert not path.exists()


def test_a_lock_waits_for_its_holder_and_tells_so(store: Store, key: Key) -> None:
    child = holder(store, key(1))
    waited: list[float] = []

    def waiting(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            assert child.stdin is not None
            child.stdin.write("done\n")
            child.stdin.flush()

    with store.lock(key(1), waiting):
        assert len(waited) >= 3
        assert waited == sorted(waited)
    child.communicate(timeout=20)
    assert list(Path(store.layout.locks).iterdir()) == []


def test_other_keys_do_not_wait(store: Store, key: Key) -> None:
    def waiting(_: float) -> None:
        raise AssertionError

    with store.lock(key(1), waiting), store.lock(key(2), waiting):
        pass


def test_a_killed_holder_blocks_nobody(store: Store, key: Key) -> None:
    child = holder(store, key(1))

    def waiting(_: float) -> None:
        child.kill()

    with store.lock(key(1), waiting):
        pass
    child.communicate(timeout=20)


def test_waiting_can_be_given_up(store: Store, key: Key) -> None:
    def give_up(_: float) -> None:
        raise KeyboardInterrupt

    with store.lock(key(1)), pytest.raises(KeyboardInterrupt), store.lock(key(1), give_up):
        pass
    with store.lock(key(1), give_up):
        pass


def test_one_at_a_time_among_threads(store: Store, key: Key) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with store.lock(key(1)):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)
    assert list(Path(store.layout.locks).iterdir()) == []


def test_double_work_is_saved(store: Store, value: Value, key: Key) -> None:
    """The pattern of the engine: look up, lock, look up again, compute."""
    computed = []

    def work() -> None:
        if store.find(key(1)) is None:
            with store.lock(key(1)):
                if store.find(key(1)) is None:
                    computed.append(1)
                    store.save(key(1), None, {"image": value(1)}, seconds=0)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert computed == [1]


def test_where_files_cannot_be_held_nobody_waits(
    store: Store, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems have no locks. Work may be done twice there, and nothing is worse."""
    from sdflow.store import locks
    from sdflow.store.held import Held

    monkeypatch.setattr(locks, "hold", lambda _: Held.UNSUPPORTED)
    with store.lock(key(1)), store.lock(key(1)):
        pass
