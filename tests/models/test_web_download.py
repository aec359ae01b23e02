"""Downloads: whole or not at all, once, going on where they stopped, and never of another file than was meant."""

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from sdflow.models.download import bring_here
from sdflow.models.hub_place import HubPlace
from sdflow.models.refused import Refused
from sdflow.models.web import part
from sdflow.models.web.answers import _follow
from sdflow.models.web.civitai_api import civitai_version
from sdflow.models.web.download import download_file, downloaded
from sdflow.models.web.fetch import fetch_unknown
from sdflow.models.web.file import WebFile
from sdflow.models.web.place import WebPlace
from sdflow.problems import UserError
from sdflow.values import Location, WeightFile
from tests.models.web import Web, civitai_file, place_for, running_web

DATA = os.urandom(6_000_000)
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
OTHER = os.urandom(6_000_000)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebPlace:
    monkeypatch.setattr(part, "_PAUSE", 0.0)
    return place_for(tmp_path)


def served(web: Web, **about: object) -> WebFile:
    return WebFile(web.add("/model.safetensors", DATA, **about), "model.safetensors", DIGEST, len(DATA))


def left_over(place: WebPlace) -> list[str]:
    """What lies among the downloads beside finished files and locks."""
    return sorted(it.name for it in place.downloads.rglob("*.part*"))


def test_a_file_arrives_and_is_told_about_on_its_way(web: Web, place: WebPlace) -> None:
    seen: list[tuple[int, int]] = []
    path = download_file(place, served(web), lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == DATA
    assert path == place.folder(DIGEST) / "model.safetensors"
    assert seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert left_over(place) == []
    assert download_file(place, served(web)) == path
    assert len(web.asked) == 1


def test_a_file_of_unknown_size_is_whole_once(web: Web, place: WebPlace) -> None:
    seen: list[tuple[int, int]] = []
    url = web.add("/model.safetensors", DATA, told=False, ranges=False, piece=500_000, pause=0.05)
    _, path = fetch_unknown(place, url, None, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == DATA
    assert [done == total for done, total in seen] == [False] * (len(seen) - 1) + [True]
    assert len(seen) > 2


def test_the_same_file_under_another_name_is_not_downloaded_again(web: Web, place: WebPlace) -> None:
    download_file(place, served(web))
    other = downloaded(place, DIGEST, "other.safetensors")
    assert other is not None
    assert other.read_bytes() == DATA
    assert len(web.asked) == 1


def test_a_connection_that_breaks_goes_on(web: Web, place: WebPlace) -> None:
    path = download_file(place, served(web, breaks=[1_000_000, 0, 0, 2_500_000]))
    assert path.read_bytes() == DATA
    assert [it.sent for it in web.asked] == [1_000_000, 0, 0, 2_500_000, len(DATA) - 3_500_000]
    assert web.asked[-1].headers["range"] == "bytes=3500000-"
    assert "if-range" in web.asked[-1].headers


def test_a_connection_that_breaks_again_and_again_keeps_what_has_arrived(web: Web, place: WebPlace) -> None:
    with pytest.raises(Refused, match="broke off") as caught:
        download_file(place, served(web, breaks=[1_000_000, *[0] * 20]))
    assert (caught.value.problem.code, "Run again" in str(caught.value.problem.hint)) == ("SDF317", True)
    assert downloaded(place, DIGEST, "model.safetensors") is None
    sent = web.sent()
    assert download_file(place, served(web)).read_bytes() == DATA
    assert (sent, web.sent()) == (1_000_000, len(DATA))


SCRIPT = """
import sys
from pathlib import Path
from sdflow.models.web.download import download_file
from sdflow.models.web.file import WebFile
from sdflow.models.web.place import WebPlace

folder, url, digest, size = sys.argv[1:]
place = WebPlace(Path(folder, "downloads"), Path(folder, "web-notes"), offline=False)
print(download_file(place, WebFile(url, "model.safetensors", digest, int(size))))
"""


def in_a_process(folder: Path, file: WebFile) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", SCRIPT, str(folder), file.url, file.digest, str(file.size)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_leaves_a_part_that_the_next_one_goes_on_with(
    web: Web, place: WebPlace, tmp_path: Path, how: signal.Signals
) -> None:
    file = served(web, halts=[2_500_000])
    grows = place.folder(DIGEST) / "model.safetensors.part"
    process = in_a_process(tmp_path, file)
    until = time.monotonic() + 30
    while (not grows.exists() or grows.stat().st_size < 2_000_000) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(how)
    process.communicate(timeout=30)
    assert process.returncode != 0
    here = grows.stat().st_size
    assert 2_000_000 <= here < len(DATA), "it was killed in the middle"
    assert downloaded(place, DIGEST, "model.safetensors") is None
    assert download_file(place, file).read_bytes() == DATA
    assert (web.asked[-1].headers["range"], web.asked[-1].sent) == (f"bytes={here}-", len(DATA) - here)


def test_two_processes_at_once_download_it_once(web: Web, place: WebPlace, tmp_path: Path) -> None:
    file = served(web, piece=500_000, pause=0.1)
    both = [in_a_process(tmp_path, file) for _ in range(2)]
    said = {process.communicate(timeout=60)[0].strip() for process in both}
    assert said == {str(place.folder(DIGEST) / "model.safetensors")}
    assert Path(said.pop()).read_bytes() == DATA
    assert web.sent() == len(DATA)


def test_who_waits_for_another_process_may_leave(web: Web, place: WebPlace, tmp_path: Path) -> None:
    class LeftError(Exception):
        pass

    def leave(_done: int, _total: int) -> None:
        raise LeftError

    file = served(web, piece=100_000, pause=0.05)
    process = in_a_process(tmp_path, file)
    grows = place.folder(DIGEST) / "model.safetensors.part"
    until = time.monotonic() + 30
    while not grows.exists() and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(LeftError):
        download_file(place, file, leave)
    assert Path(process.communicate(timeout=60)[0].strip()).read_bytes() == DATA


def test_a_listener_that_stops_the_download_keeps_the_part(web: Web, place: WebPlace) -> None:
    def stop(done: int, _total: int) -> None:
        if done > 2_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_file(place, served(web, piece=100_000, pause=0.01), stop)
    assert download_file(place, served(web)).read_bytes() == DATA
    assert web.asked[-1].headers["range"].startswith("bytes=")


def test_a_part_that_is_whole_already_only_gets_its_name(web: Web, place: WebPlace) -> None:
    file = served(web)
    place.folder(DIGEST).mkdir(parents=True)
    (place.folder(DIGEST) / "model.safetensors.part").write_bytes(DATA)
    assert download_file(place, file).read_bytes() == DATA
    assert not web.asked
    unknown = replace(file, size=None)
    again = place_for(place.downloads.parent / "again")
    again.folder(DIGEST).mkdir(parents=True)
    (again.folder(DIGEST) / "model.safetensors.part").write_bytes(DATA)
    assert download_file(again, unknown).read_bytes() == DATA
    assert web.sent() == 0, "the server says that nothing comes after it"


def test_a_server_without_ranges_begins_anew(web: Web, place: WebPlace) -> None:
    path = download_file(place, served(web, ranges=False, breaks=[1_000_000]))
    assert path.read_bytes() == DATA
    assert [it.sent for it in web.asked] == [1_000_000, len(DATA)]


@pytest.mark.parametrize("tagged", [True, False])
def test_a_file_that_changed_in_the_meantime_is_begun_anew(web: Web, place: WebPlace, tagged: bool) -> None:
    """Nobody knows its sha256, so two halves of two files would go unnoticed."""
    url = web.add("/model.safetensors", DATA, breaks=[0, 1_000_000, *[0] * 20], tagged=tagged)
    with pytest.raises(Refused, match=r"broke off|could not be asked"):
        fetch_unknown(place, url, None)
    web.add("/model.safetensors", OTHER, tagged=tagged)
    file, path = fetch_unknown(place, url, None)
    assert path.read_bytes() == OTHER
    assert file.digest == f"sha256:{hashlib.sha256(OTHER).hexdigest()}"


def test_another_file_at_the_address_is_refused_and_removed(web: Web, place: WebPlace) -> None:
    file = served(web)
    web.add("/model.safetensors", OTHER)
    with pytest.raises(Refused, match="not the one with this sha256") as caught:
        download_file(place, file)
    assert caught.value.problem.code == "SDF317"
    assert hashlib.sha256(OTHER).hexdigest() in str(caught.value.problem.hint)
    assert left_over(place) == []
    assert downloaded(place, DIGEST, file.name) is None


def test_a_file_of_another_size_is_refused_before_it_is_read(web: Web, place: WebPlace) -> None:
    file = served(web)
    web.add("/model.safetensors", OTHER[:-1], piece=1000, pause=0.01)
    with pytest.raises(Refused, match="5,999,999 bytes now"):
        download_file(place, file)
    assert web.sent() < len(DATA) / 2
    assert left_over(place) == []


def test_a_disk_without_room_is_told_before_anything_is_asked(
    web: Web, place: WebPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024  # what shutil gives
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(Refused, match=r"more than .* has room for") as caught:
        download_file(place, served(web))
    assert caught.value.problem.code == "SDF313"
    assert not web.asked


def test_a_disk_that_fills_up_keeps_the_part(
    web: Web, place: WebPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Refused, match="has room for") as caught:
            download_file(place, served(web))
    assert caught.value.problem.code == "SDF313"
    assert download_file(place, served(web)).read_bytes() == DATA


def test_a_folder_that_cannot_be_written(web: Web, place: WebPlace) -> None:
    place.downloads.write_text("a file in the way")
    with pytest.raises(Refused, match="cannot be kept"):
        download_file(place, served(web))


def test_a_token_goes_to_civitai_and_not_to_where_it_leads(web: Web, tmp_path: Path) -> None:
    place = place_for(tmp_path, civitai=web.address, token="secret")
    with running_web() as storage:
        elsewhere = storage.add("/blob", DATA).replace("127.0.0.1", "localhost")
        web.add("/api/download/models/5", b"", token="secret", location=elsewhere)
        file = WebFile(web.url("/api/download/models/5"), "model.safetensors", DIGEST, len(DATA))
        assert download_file(place, file).read_bytes() == DATA
        assert web.asked[0].headers["authorization"] == "Bearer secret"
        assert "authorization" not in storage.asked[0].headers
        download_file(place_for(tmp_path / "2", token="secret"), served(storage))
        assert "authorization" not in storage.asked[1].headers, "it is for Civitai alone"


@pytest.mark.parametrize(
    ("first", "leads_to", "words"),
    [
        ("https://example.com/a", "http://example.com/a", "without https"),
        ("https://example.com/a", "http://localhost/a", "without https"),
        ("https://example.com/a", "https://example.com/a", "without end"),
        ("https://civitai.com/api/download/models/5", "https://civitai.com/login?returnUrl=x", "logged in"),
    ],
)
def test_redirects_that_are_not_followed(first: str, leads_to: str, words: str) -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.scheme)
        return httpx2.Response(302, headers={"Location": leads_to})

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as client,
        pytest.raises(Refused, match=words),
    ):
        _follow(client, client.build_request("GET", first))
    assert set(seen) == {"https"}


ANSWERS: dict[str, tuple[int, dict[str, str], str, str, str]] = {
    "gone": (410, {}, "SDF302", "nothing at", "taken down"),
    "not there": (404, {}, "SDF302", "nothing at", "taken down"),
    "no": (403, {}, "SDF310", "does not give it to everyone", "by its path"),
    "too many": (429, {"Retry-After": "30"}, "SDF309", "too many requests", "in 30 seconds"),
    "too many, no time": (429, {}, "SDF309", "too many requests", "later"),
    "broken": (500, {}, "SDF309", "answered 500", "Check the connection"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_servers_answer(web: Web, place: WebPlace, case: str) -> None:
    status, headers, code, words, hint = ANSWERS[case]
    with pytest.raises(Refused, match=words) as caught:
        download_file(place, served(web, status=status, headers=headers))
    problem = caught.value.problem
    assert (problem.code, hint in str(problem.hint)) == (code, True)


@pytest.mark.parametrize(
    ("status", "token", "words", "hint"),
    [
        (401, None, "wants a token", "CIVITAI_API_TOKEN"),
        (401, "old", "not accepted", "CIVITAI_API_TOKEN"),
        (403, "mine", "early access", "Look at its page"),
    ],
)
def test_what_civitai_answers(
    web: Web, tmp_path: Path, status: int, token: str | None, words: str, hint: str
) -> None:
    place = place_for(tmp_path, civitai=web.address, token=token)
    with pytest.raises(Refused, match=words) as caught:
        download_file(place, served(web, status=status))
    assert (caught.value.problem.code, hint in str(caught.value.problem.hint)) == ("SDF310", True)


def test_civitai_is_asked_once_for_a_version_and_its_nonsense_is_told(web: Web, tmp_path: Path) -> None:
    place = place_for(tmp_path, civitai=web.address)
    web.add_version(7, civitai_file(web, "a.safetensors", b"x"))
    first = civitai_version(place, 7)
    assert civitai_version(replace(place, offline=True), 7) == first
    assert (first.title, first.base_model, first.trained_words) == ("Dreamer v2.0", "SD 1.5", ("dream",))
    for number, answer in enumerate((b"", b"{}", b"[]", b'{"files": [3]}', b"\xff"), start=8):
        web.add(f"/api/v1/model-versions/{number}", answer)
        with pytest.raises(Refused, match="not what Civitai's API gives") as caught:
            civitai_version(place, number)
        assert caught.value.problem.code == "SDF309"
    with pytest.raises(Refused, match="no model version 99") as caught:
        civitai_version(place, 99)
    assert "modelVersionId" in str(caught.value.problem.hint)


def test_without_a_network(web: Web, place: WebPlace) -> None:
    with pytest.raises(Refused, match="offline"):
        download_file(replace(place, offline=True), served(web))
    assert not web.asked
    nobody = WebFile("http://127.0.0.1:9/a.safetensors", "a.safetensors", DIGEST, 5)
    with pytest.raises(Refused) as caught:
        download_file(place, nobody)
    assert caught.value.problem.code == "SDF309"


def test_a_component_is_brought_here_and_its_place_told(web: Web, place: WebPlace, tmp_path: Path) -> None:
    hub = HubPlace(tmp_path / "hf", "http://127.0.0.1:9", offline=True, listings=tmp_path / "listings")
    file = served(web)
    there = Location("`url`", None, url=file.url, download_bytes=len(DATA))
    weight = WeightFile(file.name, DIGEST, len(DATA))
    here = bring_here(there, (weight,), None, hub=hub, web=place)
    assert (here.folder, here.download_bytes) == (place.folder(DIGEST), 0)
    assert bring_here(here, (weight,), None, hub=hub, web=place) is here
    web.add("/model.safetensors", OTHER)
    gone = place_for(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="SDF317"):
        bring_here(there, (weight,), None, hub=hub, web=gone)
