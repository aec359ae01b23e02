"""`sdflow model fetch`: from an address that was copied to what a recipe says."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdflow.recipe.source import Source
from sdflow.recipe.yaml12 import parse_text
from tests.cli.conftest import Sdflow
from tests.models.layout import weights
from tests.models.web import Web, civitai_file, running_web

DATA = weights(1)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # this server is on localhost
    with running_web() as web:
        monkeypatch.setenv("CIVITAI_ENDPOINT", web.address)
        yield web


def recipe_of(out: str) -> object:
    """The lines that are to be copied, as YAML reads them."""
    return parse_text(Source("out", out.partition("\n\n")[2])).value


def test_an_address_is_fetched_and_told_with_its_sha256(sdflow: Sdflow, web: Web, tmp_path: Path) -> None:
    url = web.add("/files/model.safetensors", DATA)
    answer = sdflow("model", "fetch", url)
    assert (answer.code, answer.err) == (0, "")
    path = Path(answer.out.splitlines()[0])
    assert path.read_bytes() == DATA
    assert path.is_relative_to(tmp_path / "cache")
    assert recipe_of(answer.out) == {"source": url, "sha256": DIGEST}
    assert len(web.asked) == 2
    assert sdflow("model", "fetch", url).out == answer.out
    assert len(web.asked) == 3, "whether it has changed is asked, and no more"
    assert sdflow("model", "fetch", url, "--sha256", DIGEST).out == answer.out
    assert len(web.asked) == 3


def test_a_file_that_has_changed_is_fetched_anew(sdflow: Sdflow, web: Web) -> None:
    url = web.add("/model.safetensors", DATA)
    sdflow("model", "fetch", url)
    web.add("/model.safetensors", weights(2))
    told = json.loads(sdflow("model", "fetch", url, "--json").out)
    assert told["recipe"]["sha256"] == hashlib.sha256(weights(2)).hexdigest()
    assert Path(told["paths"][0]).read_bytes() == weights(2)


def test_an_address_without_a_name_wants_one(sdflow: Sdflow, web: Web) -> None:
    url = web.add("/get", DATA)
    refused = sdflow("model", "fetch", url)
    assert (refused.code, "SDF301" in refused.err, "file: NAME.safetensors" in refused.err) == (2, True, True)
    answer = sdflow("model", "fetch", url, "--file", "mine.safetensors")
    assert recipe_of(answer.out) == {"source": url, "sha256": DIGEST, "file": "mine.safetensors"}


def test_a_version_on_civitai_tells_what_it_is(sdflow: Sdflow, web: Web) -> None:
    web.add_version(77, civitai_file(web, "dream.safetensors", DATA))
    answer = sdflow("model", "fetch", "https://civitai.com/models/5?modelVersionId=77")
    assert "Dreamer v2.0: Checkpoint for SD 1.5; write dream" in answer.out
    assert recipe_of(answer.out) == {"source": "civitai:77", "sha256": DIGEST}
    assert (
        json.loads(sdflow("model", "fetch", "civitai:77", "--json").out)["civitai"]["base_model"] == "SD 1.5"
    )


def test_what_is_here_already_is_told_its_sha256(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(DATA)
    assert recipe_of(sdflow("model", "fetch", "./a.safetensors").out) == {
        "source": "./a.safetensors", "sha256": DIGEST,
    }  # fmt: skip


def test_a_whole_model_is_told_by_its_source(sdflow: Sdflow) -> None:
    assert recipe_of(sdflow("model", "fetch", "builtin:toybox").out) == {"source": "builtin:toybox"}


def test_mistakes(sdflow: Sdflow, web: Web) -> None:
    for arguments, code in (
        ((web.url("/nothing.safetensors"),), "SDF302"),
        (("civitai:78",), "SDF302"),
        (("http://example.com/a.safetensors",), "SDF303"),
        ((web.add("/a.safetensors", DATA), "--sha256", "0" * 64), "SDF317"),
    ):
        answer = sdflow("model", "fetch", *arguments)
        assert (answer.code, answer.err.split()[0]) == (2, code)
        assert "Traceback" not in answer.err
