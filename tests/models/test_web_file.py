"""Files on the web: what is known before they are here, and how little is asked for it."""

import hashlib
import io
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sdflow.models.adapter_file import find_file
from sdflow.models.context import Context
from sdflow.models.hub_place import HubPlace
from sdflow.models.one_file import OneFile, completed, find_one_file
from sdflow.models.refused import Refused
from sdflow.models.request import AdapterRequest, PartRequest
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo
from sdflow.models.source import parse_source
from tests.models.hub import Hub, Repo
from tests.models.layout import safetensors, sha256, weights
from tests.models.web import Web, civitai_file

BODY = 4_000_000


def checkpoint(names: int = 3) -> bytes:
    """A file with a header of `names` tensors, and four megabytes of weights."""
    tensors = {f"layer.{number}.weight": ("F16", (1,), b"ab") for number in range(names)}
    return safetensors({**tensors, "big": ("U8", (BODY,), os.urandom(BODY))})


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def context(tmp_path: Path) -> Context:
    hub = HubPlace(tmp_path / "hf", "http://127.0.0.1:9", offline=False, listings=tmp_path / "listings")
    return Context(tmp_path, sha256, hub, tmp_path / "cache")


def one(request: PartRequest | str, context: Context) -> OneFile:
    request = PartRequest(request) if isinstance(request, str) else request
    source = parse_source(request.source, context.base)
    found = find_one_file(source, completed(request, source), context)
    assert found is not None
    return found


def facts(file: OneFile) -> tuple[str, int, dict[str, TensorInfo]]:
    return file.digest, file.size, dict(file.header())


@pytest.mark.parametrize("names", [3, 15_000])
def test_size_and_header_are_known_before_the_download(web: Web, context: Context, names: int) -> None:
    """Fifteen thousand names make a header longer than what is asked for at first."""
    data = checkpoint(names)
    url = web.add("/files/model.safetensors", data)
    (context.base / "here.safetensors").write_bytes(data)
    there = one(PartRequest(url, sha256=digest_of(data)), context)
    assert facts(there) == facts(one("./here.safetensors", context))
    assert there.path is None
    assert web.sent() < BODY
    location = there.location
    assert (location.folder, location.url, location.download_bytes) == (None, url, len(data))
    asked = len(web.asked)
    assert asked == (1 if names == 3 else 2)
    again = one(PartRequest(url, sha256=digest_of(data)), context)
    assert facts(again) == facts(there)
    assert len(web.asked) == asked, "what was asked once is remembered"


def test_a_server_without_ranges_is_left_after_the_header(web: Web, context: Context) -> None:
    data = checkpoint()
    web.add("/model.safetensors", data, ranges=False, piece=10_000, pause=0.01)
    file = one(PartRequest(web.url("/model.safetensors"), sha256=digest_of(data)), context)
    assert (file.size, "big" in file.header()) == (len(data), True)
    assert web.sent() < len(data)


def test_a_server_that_tells_no_size_is_believed_by_the_header(web: Web, context: Context) -> None:
    data = checkpoint()
    web.add("/model.safetensors", data, ranges=False, told=False)
    file = one(PartRequest(web.url("/model.safetensors"), sha256=digest_of(data)), context)
    assert file.size == len(data)


def test_a_file_is_fetched_into_the_cache_and_is_the_same_there(web: Web, context: Context) -> None:
    data = checkpoint()
    request = PartRequest(web.add("/model.safetensors", data), sha256=digest_of(data).upper())
    before = one(request, context)
    known = facts(before), before.weight_file
    path = before.fetch()
    assert path.read_bytes() == data
    after = one(request, context)
    assert (facts(after), after.weight_file) == known
    assert after.path == path
    assert (after.location.folder, after.location.download_bytes) == (path.parent, 0)
    asked = len(web.asked)
    assert facts(one(request, replace(context, hub=replace(context.hub, offline=True)))) == known[0]
    assert len(web.asked) == asked


def test_the_name_comes_from_the_address_the_server_or_the_recipe(web: Web, context: Context) -> None:
    data = checkpoint()
    plain = web.add("/get", data)
    told = web.add(
        "/told", data, headers={"Content-Disposition": 'attachment; filename="../its: name.safetensors"'}
    )
    named = PartRequest(plain, sha256=digest_of(data), file="mine.safetensors")
    assert one(named, context).name == "mine.safetensors"
    assert one(PartRequest(told, sha256=digest_of(data)), context).name == "_its_ name.safetensors"
    with pytest.raises(Refused, match="what kind of file"):
        one(PartRequest(plain, sha256=digest_of(data)), context)


def test_without_a_sha256_an_address_is_refused_and_nothing_asked(web: Web, context: Context) -> None:
    with pytest.raises(Refused, match="needs a sha256") as caught:
        one(web.url("/model.safetensors?key=secret"), context)
    assert "sdflow model fetch" in (caught.value.problem.hint or "")
    assert not web.asked


@pytest.mark.parametrize("text", ["128713", "0123456789", "sha256:" + "g" * 64, ""])
def test_what_is_no_sha256(context: Context, text: str) -> None:
    with pytest.raises(Refused, match="is no sha256") as caught:
        one(PartRequest("https://example.com/a.safetensors", sha256=text), context)
    assert caught.value.field == "sha256"


def test_a_local_file_with_another_sha256_is_refused(context: Context) -> None:
    (context.base / "a.safetensors").write_bytes(weights(1))
    good = PartRequest("./a.safetensors", sha256=digest_of(weights(1)))
    assert one(good, context).digest == f"sha256:{digest_of(weights(1))}"
    with pytest.raises(Refused) as caught:
        one(replace(good, sha256="0" * 64), context)
    assert (caught.value.problem.code, caught.value.field) == ("SDF319", "sha256")
    assert digest_of(weights(1)) in (caught.value.problem.hint or "")


BROKEN: dict[str, tuple[bytes, str]] = {
    "cut off": (weights(1)[:-1], "is cut off"),
    "text": (b"hello, world", "is a text file"),
    "empty": (b"", "is empty"),
    "placeholder": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "page as a file": (b"<!DOCTYPE html><html></html>", "a web page"),
    "pickle": (b"PK\x03\x04" + bytes(600), "pickled"),
    "long header": (struct.pack("<Q", 2**40) + b"{" + bytes(600), "not a safetensors file"),
}


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_safetensors_file(web: Web, context: Context, case: str, ranges: bool) -> None:
    data, words = BROKEN[case]
    url = web.add("/a.safetensors", data, ranges=ranges)
    with pytest.raises(BrokenHeaderError, match=words):
        one(PartRequest(url, sha256=digest_of(data)), context).header()


def pickled(*, zipped: bool) -> bytes:
    """A PyTorch checkpoint of twelve tensors, larger than what is fetched as a whole."""
    weights = {f"layer.{number}.weight": torch.rand(750_000) for number in range(12)}
    stream = io.BytesIO()
    torch.save({"state_dict": weights, "global_step": 7}, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_large_pickle_is_known_by_its_ends(web: Web, context: Context, zipped: bool) -> None:
    data = pickled(zipped=zipped)
    (context.base / "here.ckpt").write_bytes(data)
    request = PartRequest(web.add("/model.ckpt", data), sha256=digest_of(data))
    there = one(request, context)
    assert facts(there) == facts(one("./here.ckpt", context))
    assert there.header()["layer.3.weight"] == TensorInfo("F32", (750_000,))
    assert there.path is None
    assert web.sent() < len(data) / 3
    asked = len(web.asked)
    assert facts(one(request, context)) == facts(there)
    assert len(web.asked) == asked, "what was asked once is remembered"


def test_a_large_pickle_that_comes_only_as_a_whole_has_to_be_fetched(web: Web, context: Context) -> None:
    data = pickled(zipped=True)
    file = one(PartRequest(web.add("/model.ckpt", data, ranges=False), sha256=digest_of(data)), context)
    with pytest.raises(Refused, match="only the whole file") as caught:
        file.header()
    assert "sdflow model fetch" in str(caught.value.problem.hint)
    file.fetch()
    assert len(file.header()) == 12


def test_a_small_pickle_is_fetched_to_be_looked_into(web: Web, context: Context) -> None:
    stream = io.BytesIO()
    torch.save({"string_to_param": {"*": torch.zeros(2, 768)}}, stream)
    data = stream.getvalue()
    file = one(PartRequest(web.add("/word.pt", data), sha256=digest_of(data)), context)
    assert [info.shape for info in file.header().values()] == [(2, 768)]
    assert file.path is not None


def test_a_web_page_is_told_by_its_type(web: Web, context: Context) -> None:
    page = web.add("/a.ckpt", b"<p>hello", headers={"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(Refused, match="is a web page"):
        _ = one(PartRequest(page, sha256="0" * 64), context).size


def test_a_version_on_civitai_tells_its_main_file(
    web: Web, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVITAI_ENDPOINT", web.address)
    data, other = checkpoint(), weights(2)
    web.add_version(
        128713,
        civitai_file(web, "vae.safetensors", other, primary=False, type="VAE"),
        civitai_file(web, "dreamer_v2.safetensors", data),
        civitai_file(web, "training.zip", b"", hashes={}, primary=False),
    )
    main = one("civitai:128713", context)
    assert (main.name, main.digest, main.size) == (
        "dreamer_v2.safetensors", f"sha256:{digest_of(data)}", len(data),
    )  # fmt: skip
    assert "big" in main.header()
    vae = one(PartRequest("civitai:128713", file="vae.safetensors"), context)
    assert (vae.digest, vae.size) == (f"sha256:{digest_of(other)}", len(other))
    asked = len(web.asked)
    assert [it.path for it in web.asked].count("/api/v1/model-versions/128713") == 1
    assert facts(one("https://civitai.com/models/1?modelVersionId=128713", context)) == facts(main)
    assert len(web.asked) == asked
    with pytest.raises(Refused, match=r"no file `vea\.safetensors`") as caught:
        one(PartRequest("civitai:128713", file="vea.safetensors"), context)
    assert "`vae.safetensors`" in (caught.value.problem.hint or "")
    with pytest.raises(Refused, match="another file"):
        one(PartRequest("civitai:128713", sha256="1" * 64), context)


def test_a_file_in_a_repository_is_known_before_the_download(hub: Hub, context: Context) -> None:
    data = checkpoint()
    hub.repos["someone/mix"] = Repo({"README.md": b"x", "sub/model.safetensors": data})
    context = replace(context, hub=hub.place)
    (context.base / "here.safetensors").write_bytes(data)
    there = one(PartRequest("someone/mix", file="sub/model.safetensors"), context)
    assert facts(there) == facts(one("./here.safetensors", context))
    location = there.location
    assert (location.repo, location.subfolder, location.download_bytes) == ("someone/mix", "sub", len(data))
    asked = len(hub.requests)
    copied = "https://huggingface.co/someone/mix/blob/main/sub/model.safetensors"
    assert facts(one(copied, context)) == facts(there)
    assert len(hub.requests) == asked, "listing and header are remembered"
    assert there.fetch().read_bytes() == data
    assert one(copied, context).location.folder is not None
    with pytest.raises(Refused, match=r"no file `sub/modle\.safetensors`") as caught:
        one(PartRequest("someone/mix", subfolder="sub", file="modle.safetensors"), context)
    assert (caught.value.field, "`model.safetensors`" in (caught.value.problem.hint or "")) == ("file", True)
    with pytest.raises(Refused, match="the address says"):
        one(PartRequest(copied, revision="v2"), context)


def test_a_file_in_a_folder(context: Context) -> None:
    (context.base / "models").mkdir()
    (context.base / "models" / "a.safetensors").write_bytes(weights(1))
    assert one(PartRequest("./models", file="a.safetensors"), context).path is not None
    with pytest.raises(Refused, match="leads out"):
        one(PartRequest("./models", file="../a.safetensors"), context)
    with pytest.raises(Refused, match="holds no `b`"):
        one(PartRequest("./models/a.safetensors", file="b"), context)


def test_an_adapter_comes_from_anywhere(web: Web, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A LoRA on Civitai or at an address is the one on this disk, before the download and after it."""
    monkeypatch.setenv("CIVITAI_ENDPOINT", web.address)
    data = checkpoint()
    (context.base / "style.safetensors").write_bytes(data)
    web.add_version(5, civitai_file(web, "style.safetensors", data), model={"name": "Style", "type": "LORA"})
    here = find_file(AdapterRequest("lora", "./style.safetensors"), context)
    for request in (
        AdapterRequest("lora", "civitai:5"),
        AdapterRequest("lora", web.add("/style.safetensors", data), sha256=digest_of(data)),
    ):
        there = find_file(request, context)
        assert (facts(there), there.weight_file) == (facts(here), here.weight_file)
    assert find_file(AdapterRequest("lora", "civitai:5"), context).fetch().read_bytes() == data


@pytest.mark.parametrize("bad", [b"Service is being updated, try later", b"half"])
def test_a_bad_answer_is_not_remembered(web: Web, context: Context, bad: bytes) -> None:
    data = checkpoint()
    url = web.add("/files/model.safetensors", data[: len(data) // 2] if bad == b"half" else bad)
    request = PartRequest(url, sha256=digest_of(data))
    with pytest.raises(BrokenHeaderError):
        one(request, context).header()
    web.add("/files/model.safetensors", data)
    assert "layer.0.weight" in one(request, context).header()


def test_a_size_that_was_told_wrong_is_forgotten(web: Web, context: Context) -> None:
    data = pickled(zipped=True)
    url = web.add("/files/model.ckpt", data[:50])
    request = PartRequest(url, sha256=digest_of(data))
    assert one(request, context).tree.size("model.ckpt") == 50
    web.add("/files/model.ckpt", data)
    with pytest.raises(Refused, match="was planned with"):
        one(request, context).fetch()
    assert one(request, context).fetch().read_bytes() == data
