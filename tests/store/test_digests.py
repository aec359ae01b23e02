"""A file is read once, and again as soon as it could have changed."""

import hashlib
import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sdflow.store import DigestMemo
from sdflow.store.layout import Layout


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.fixture
def memo(tmp_path: Path) -> DigestMemo:
    return DigestMemo(Layout(tmp_path / "cache"))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read."""
    names: list[str] = []
    real = hashlib.file_digest

    def counted(file: io.BufferedReader, name: str) -> "hashlib._Hash":
        names.append(Path(file.name).name)
        return real(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return names


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass: file times are the system's and cannot be chosen, so the clock is."""
    now = [time.time() + 10]
    monkeypatch.setattr("sdflow.store.digests.time.time", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def test_the_digest_is_that_of_the_content(memo: DigestMemo, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights" * 100_000)
    assert memo.digest_of(path) == sha256(b"weights" * 100_000)
    assert memo.digest_of(str(path)) == sha256(b"weights" * 100_000)


@pytest.mark.usefixtures("later")
def test_a_settled_file_is_read_once(memo: DigestMemo, tmp_path: Path, reads: list[str]) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    for _ in range(3):
        assert DigestMemo(memo.layout).digest_of(path) == sha256(b"weights")
    assert reads == ["model.safetensors"]


def test_a_file_just_written_is_read_again(memo: DigestMemo, tmp_path: Path, reads: list[str]) -> None:
    """Within the resolution of file times it could change without a sign."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    memo.digest_of(path)
    memo.digest_of(path)
    assert len(reads) == 2


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("change", ["content", "size", "replaced", "times put back"])
def test_a_changed_file_is_read_again(memo: DigestMemo, tmp_path: Path, change: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    status = path.stat()
    assert memo.digest_of(path) == sha256(b"weights")
    new = b"weights and more" if change == "size" else b"WEIGHTS"
    time.sleep(0.02)  # beyond the resolution of this file system's times, as settled files are
    if change == "replaced":
        other = tmp_path / "other"
        other.write_bytes(new)
        other.replace(path)
    else:
        path.write_bytes(new)
    if change != "content":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert memo.digest_of(path) == sha256(new)


@pytest.mark.usefixtures("later")
def test_links_to_one_file_are_one_file(memo: DigestMemo, tmp_path: Path, reads: list[str]) -> None:
    """The hub's cache links every revision of a file to one blob."""
    (tmp_path / "blob").write_bytes(b"weights")
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(tmp_path / "blob")
        assert memo.digest_of(tmp_path / name) == sha256(b"weights")
    assert reads == ["blob"]


@pytest.mark.usefixtures("later")
def test_a_file_that_changes_while_it_is_read_is_read_again(
    memo: DigestMemo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    real, turns = hashlib.file_digest, []

    def changing(file: io.BufferedReader, name: str) -> "hashlib._Hash":
        digest = real(file, name)
        turns.append(1)
        if len(turns) == 1:
            path.write_bytes(b"weights, finished")
        return digest

    monkeypatch.setattr(hashlib, "file_digest", changing)
    assert memo.digest_of(path) == sha256(b"weights, finished")
    assert len(turns) == 2


@pytest.mark.usefixtures("later")
def test_a_file_that_never_rests_is_never_remembered(
    memo: DigestMemo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"")
    real = hashlib.file_digest

    def growing(file: io.BufferedReader, name: str) -> "hashlib._Hash":
        digest = real(file, name)
        path.write_bytes(path.read_bytes() + b"more")
        return digest

    monkeypatch.setattr(hashlib, "file_digest", growing)
    memo.digest_of(path)
    assert not Path(memo.layout.base).exists()


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"7", b'{"path": 1}', b"\xff", b"[" * 100_000])
def test_a_note_of_garbage_is_no_note(memo: DigestMemo, tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    memo.digest_of(path)
    (note,) = Path(memo.layout.base).rglob("*.json")
    note.write_bytes(garbage)
    assert memo.digest_of(path) == sha256(b"weights")


def test_a_missing_file_is_an_os_error(memo: DigestMemo, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        memo.digest_of(tmp_path / "nothing")


@pytest.mark.usefixtures("later")
def test_threads_agree(memo: DigestMemo, tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.bin").write_bytes(bytes([number]))
    wrong: list[int] = []

    def work() -> None:
        found = {number: memo.digest_of(tmp_path / f"{number}.bin") for number in range(10)}
        wrong.extend(number for number in found if found[number] != sha256(bytes([number])))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
