"""A disk that is full, small or read-only gives one clear error, and the store goes on."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sdflow.problems import UserError
from sdflow.store import DigestMemo, RunIndex, Store, StoreError
from sdflow.store.layout import Layout
from sdflow.values.encoded import Encoded

Value = Callable[..., Encoded]
Key = Callable[[int], str]


def code_of(error: UserError) -> str:
    (problem,) = error.problems
    assert problem.hint
    return problem.code


def assert_unharmed(store: Store, value: Value, key: Key) -> None:
    """Key 1 was there before, key 2 was refused: so it is, and nothing half-written lies about."""
    assert store.load(key(1))["image"].to_bytes() == value(1).to_bytes()
    assert store.find(key(2)) is None
    assert list(Path(store.layout.temporary).iterdir()) == []
    assert store.verify().is_sound


@pytest.mark.parametrize("room", [0, 1, 100, 4_000, 4_400, 4_600, 4_700])
def test_a_disk_that_fills_up_while_writing(
    store: Store, value: Value, key: Key, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """The blob has about 4,200 bytes and the record 400: the room ends before, in and between them."""
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    write, left = os.write, room

    def full(descriptor: int, data: memoryview) -> int:
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(descriptor, data[:left])
        left -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        large = value(2, 4_000)
        needed = len(large.to_bytes())
        if room < needed + 300:
            with pytest.raises(StoreError, match="SDF501") as caught:
                store.save(key(2), None, {"image": large}, seconds=0)
            assert code_of(caught.value) == "SDF501"
            assert_unharmed(store, value, key)
    store.save(key(2), None, {"image": value(2, 4_000)}, seconds=0)
    assert store.load(key(2))["image"].to_bytes() == value(2, 4_000).to_bytes()


CALLS = ("open", "write", "fsync", "replace")
ANSWERS = [
    (errno.ENOSPC, "SDF501"),
    (errno.EDQUOT, "SDF501"),
    (errno.EFBIG, "SDF502"),
    (errno.EROFS, "SDF503"),
    (errno.EACCES, "SDF503"),
    (errno.EPERM, "SDF503"),
    (errno.EIO, "SDF504"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("answer", "code"), ANSWERS)
def test_any_call_may_be_refused(  # fixtures and a row of the table
    store: Store, value: Value, key: Key, monkeypatch: pytest.MonkeyPatch, call: str, answer: int, code: str
) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    real = getattr(os, call)

    def refused(*args: Any, **kwargs: Any) -> Any:
        if call == "open" and not args[1] & os.O_CREAT:
            return real(*args, **kwargs)
        raise OSError(answer, os.strerror(answer))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refused)
        with pytest.raises(StoreError) as caught:
            store.save(key(2), None, {"image": value(2)}, seconds=0)
    assert code_of(caught.value) == code
    assert str(store.root) in str(caught.value)
    assert_unharmed(store, value, key)


def test_ctrl_c_while_writing_leaves_nothing_half_written(
    store: Store, value: Value, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.save(key(2), None, {"image": value(2)}, seconds=0)
    assert_unharmed(store, value, key)


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_real_limit_on_the_size_of_files(store: Store, value: Value, key: Key) -> None:
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    code = f"""
import resource, sys
from pathlib import Path
from sdflow.store import Store, StoreError
from sdflow.values.encoded import Encoded, RawTensor

resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
store = Store.open(Path(sys.argv[1]), limit_bytes=None)
def value(size):
    return Encoded("Image", None, {{"pixels": RawTensor("U8", (size,), bytes(size))}})
try:
    store.save("{key(2)}", None, {{"image": value(1_000_000)}}, seconds=0)
except StoreError as error:
    print(error.problems[0].code)
store.save("{key(3)}", None, {{"image": value(10_000)}}, seconds=0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["SDF502"]
    assert_unharmed(store, value, key)
    assert store.find(key(3)) is not None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    is_root = sys.platform == "linux" and os.geteuid() == 0
    if not is_root or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root on Linux and a machine that permits it")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_real_small_disk(small_disk: Path, value: Value, key: Key) -> None:
    store = Store.open(small_disk, limit_bytes=None)
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    with pytest.raises(StoreError) as caught:
        store.save(key(2), None, {"image": value(2, 1_000_000)}, seconds=0)
    assert code_of(caught.value) == "SDF501"
    assert_unharmed(store, value, key)
    store.save(key(3), None, {"image": value(3, 100_000)}, seconds=0)
    assert store.find(key(3)) is not None
    with pytest.raises(StoreError):
        store.save(key(4), None, {"image": value(4, 200_000)}, seconds=0)
    store.collect(0, grace=0)
    store.save(key(4), None, {"image": value(4, 200_000)}, seconds=0)


def test_a_real_read_only_disk(small_disk: Path, value: Value, key: Key) -> None:
    store = Store.open(small_disk, limit_bytes=None)
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError) as caught:
        store.save(key(2), None, {"image": value(2)}, seconds=0)
    assert code_of(caught.value) == "SDF503"
    assert_unharmed(store, value, key)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_a_read_only_folder_is_read(not_root: Path, value: Value, key: Key) -> None:
    store = Store.open(not_root, limit_bytes=10)
    store.save(key(1), None, {"image": value(1)}, seconds=0)
    for folder in (*not_root.rglob("*"), not_root):
        if folder.is_dir():
            folder.chmod(0o500)
    for refused in (
        lambda: store.save(key(2), None, {"image": value(2)}, seconds=0),
        store.prepare,
        lambda: store.pin("mine", [key(1)]),
        lambda: store.delete(key(1)),
    ):
        with pytest.raises(StoreError) as caught:
            refused()
        assert code_of(caught.value) == "SDF503"
    assert_unharmed(store, value, key)
    with store.lock(key(2)), store.running([key(1)]):
        store.touch([key(1)])
        store.trim()
        store.collect(0, grace=0)
    assert store.find(key(1)) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_a_folder_that_cannot_be_made(not_root: Path, value: Value, key: Key) -> None:
    not_root.chmod(0o500)
    store = Store.open(not_root / "cache", limit_bytes=None)
    assert store.find(key(1)) is None
    with pytest.raises(StoreError) as caught:
        store.save(key(1), None, {"image": value(1)}, seconds=0)
    assert code_of(caught.value) == "SDF503"
    layout = Layout(not_root / "cache")
    RunIndex(layout).remember("recipe", {("", "a"): key(1)})
    assert RunIndex(layout).previous("recipe") == {}
    assert DigestMemo(layout).digest_of(__file__).startswith("sha256:")
