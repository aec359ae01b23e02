"""Models that are not here yet: the plan says what is fetched, the run fetches it, and keys stay as they are."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Pillow

from sdflow.models.hub_place import HubPlace
from tests.cli.conftest import Sdflow
from tests.cli.test_model_fetch import recipe_of
from tests.models.hub import COMMIT, Hub, Repo, offline, running_hub
from tests.models.single_file import checkpoint, write
from tests.models.web import Web, civitai_file, running_web

RECIPE = """\
sdflow: 1
name: picture
nodes:
  model: {type: load-model, source: someone/tiny}
  text: {type: encode-prompt, model: $model, prompt: a fox}
  noise: {type: init-latent, model: $model, width: 64, height: 64}
  sample: {type: denoise, model: $model, conditioning: $text, latent: $noise, sampler: ddim, steps: 2}
  image: {type: decode, model: $model, latent: $sample}
outputs: {"{name}.png": $image}
"""


@pytest.fixture
def hub(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on localhost, where a command line finds it, with one model."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with running_hub(tmp_path) as hub:
        hub.repos["someone/tiny"] = Repo.of_folder(tiny)
        monkeypatch.setattr(HubPlace, "of_environment", lambda *_, **__: hub.place)
        yield hub


@pytest.fixture
def web(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A web server on localhost that is Civitai, too."""
    with running_web() as web:
        monkeypatch.setenv("CIVITAI_ENDPOINT", web.address)
        yield web


def planned(sdflow: Sdflow) -> dict[str, list[dict[str, object]]]:
    plan: dict[str, list[dict[str, object]]] = json.loads(sdflow("plan", "r.yaml", "--json").out)
    return plan


def keys(plan: dict[str, list[dict[str, object]]]) -> list[object]:
    return [node["key"] for node in plan["nodes"]]


def test_a_plan_is_exact_before_the_download_and_the_run_fetches_that(
    sdflow: Sdflow, hub: Hub, tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    before = planned(sdflow)
    assert not [name for name in hub.downloads() if name.endswith(".safetensors")]
    weights = {path.parent.name: path.stat().st_size for path in tiny.rglob("*.safetensors")}
    assert {str(it["components"]): it["bytes"] for it in before["downloads"]} == {
        f"['{role}']": size for role, size in weights.items()
    }
    assert {(it["source"], it["commit"]) for it in before["downloads"]} == {("someone/tiny", COMMIT)}
    assert f" from someone/tiny at {COMMIT[:12]}" in sdflow("plan", "r.yaml").out
    answer = sdflow("run", "r.yaml")
    assert (answer.code, answer.err.count("downloaded")) == (0, 3)
    assert len([name for name in hub.downloads() if name.endswith(".safetensors")]) == 3
    after = planned(sdflow)
    assert keys(after) == keys(before)
    assert after["downloads"] == []


def test_a_download_that_fails_is_told_and_goes_on_later(sdflow: Sdflow, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    planned(sdflow)
    hub.corrupt = {"text_encoder/model.safetensors"}
    answer = sdflow("run", "r.yaml")
    assert (answer.code, "did not arrive as the hub describes it" in answer.err) == (1, True)
    assert not (tmp_path / "out/picture.png").exists()
    hub.corrupt = set()
    assert sdflow("run", "r.yaml").code == 0


def test_a_model_is_fetched_for_later(
    sdflow: Sdflow, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sdflow("model", "fetch", "someone/tiny")
    assert recipe_of(answer.out) == {"source": "someone/tiny", "revision": COMMIT}
    (tmp_path / "r.yaml").write_text(RECIPE)
    monkeypatch.setattr(HubPlace, "of_environment", lambda *_, **__: offline(hub.place))
    assert planned(sdflow)["downloads"] == []
    assert sdflow("run", "r.yaml").code == 0
    assert (tmp_path / "out/picture.png").is_file()


def serve(kind: str, file: Path, web: Web, hub: Hub) -> str:
    """Put a file where a source of a kind finds it; the fields of the recipe."""
    data = file.read_bytes()
    if kind == "web":
        return (
            f"source: {web.add(f'/files/{file.name}', data)!r}, sha256: {hashlib.sha256(data).hexdigest()!r}"
        )
    if kind == "civitai":
        web.add_version(77, civitai_file(web, file.name, data))
        return "source: civitai:77"
    hub.repos["someone/files"] = Repo({file.name: data}, large=(".safetensors", ".ckpt"))
    return f"source: someone/files, file: {file.name}"


@pytest.mark.parametrize("ending", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("kind", ["web", "civitai", "hub"])
def test_a_checkpoint_elsewhere_is_the_one_on_this_disk(
    sdflow: Sdflow,
    hub: Hub,
    web: Web,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    ending: str,
) -> None:
    for module in ("web.tree", "hub_tree"):  # so that tiny files are treated as the large ones they stand for
        monkeypatch.setattr(f"sdflow.models.{module}.SMALL", 0)
    file = write(checkpoint(tiny), tmp_path / f"mix{ending}")
    recipe = RECIPE.replace("source: someone/tiny", f"{{SOURCE}}, config: '{tiny}'")
    (tmp_path / "r.yaml").write_text(recipe.replace("{SOURCE}", f"source: ./{file.name}"))
    here = planned(sdflow)
    (tmp_path / "r.yaml").write_text(recipe.replace("{SOURCE}", serve(kind, file, web, hub)))
    before = planned(sdflow)
    assert keys(before) == keys(here)
    (download,) = before["downloads"]
    assert download["components"] == ["text_encoder", "unet", "vae"]
    assert download["bytes"] == file.stat().st_size
    asked = len(web.asked) + len(hub.requests)
    assert planned(sdflow) == before
    assert len(web.asked) + len(hub.requests) == asked, "what was asked once is remembered"
    assert "SDF" not in sdflow("validate", "r.yaml").err
    answer = sdflow("run", "r.yaml")
    assert (answer.code, answer.err.count("downloaded")) == (0, 1)
    after = planned(sdflow)
    assert (keys(after), after["downloads"]) == (keys(here), [])
    assert [node["status"] for node in after["nodes"] if node["key"]] == ["cached"] * 4
    (tmp_path / "r.yaml").write_text(recipe.replace("{SOURCE}", f"source: ./{file.name}"))
    assert sdflow("run", "r.yaml", "--refresh", "--out", "local").code == 0
    assert pixels(tmp_path / "out/picture.png") == pixels(tmp_path / "local/picture.png")


def pixels(file: Path) -> bytes:
    with Pillow.open(file) as picture:
        return picture.tobytes()


def test_a_checkpoint_that_is_changed_on_the_server_is_refused_before_it_is_used(
    sdflow: Sdflow, hub: Hub, web: Web, tiny: Path, tmp_path: Path
) -> None:
    file = write(checkpoint(tiny), tmp_path / "mix.safetensors")
    source = serve("web", file, web, hub)
    (tmp_path / "r.yaml").write_text(RECIPE.replace("source: someone/tiny", f"{source}, config: '{tiny}'"))
    planned(sdflow)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    web.add("/files/mix.safetensors", bytes(data))
    answer = sdflow("run", "r.yaml")
    assert answer.code == 1
    assert "not the one with this sha256" in answer.err
    assert not (tmp_path / "out/picture.png").exists()


def test_what_a_recipe_may_not_say_of_a_source(sdflow: Sdflow, web: Web, tiny: Path, tmp_path: Path) -> None:
    url = web.add("/mix.safetensors", b"x")
    cases = {
        f"source: '{url}'": "SDF318",
        f"source: '{url}', sha256: 123abc": "SDF318",
        f"source: '{tiny}', sha256: '{'0' * 64}'": "SDF319",
        f"source: '{tiny}', file: unet/config.jsn": "SDF302",
        "source: http://example.com/a.safetensors": "SDF303",
        "source: civitai:name": "SDF301",
        f"source: '{tiny}', vae: {{source: '{url}'}}": "SDF318",
        f"source: '{tiny}', vae: {{source: '{tiny}', file: ../x}}": "SDF302",
    }
    for fields, code in cases.items():
        (tmp_path / "r.yaml").write_text(RECIPE.replace("source: someone/tiny", fields))
        answer = sdflow("plan", "r.yaml")
        assert (answer.code, answer.err.split()[1]) == (2, code), fields
        assert answer.err.startswith("r.yaml:4:")
    assert not web.asked


def test_a_checkpoint_elsewhere_is_shown_without_bringing_it_here(
    sdflow: Sdflow, hub: Hub, web: Web, tiny: Path, tmp_path: Path
) -> None:
    file = write(checkpoint(tiny), tmp_path / "mix.safetensors")
    serve("civitai", file, web, hub)
    told = json.loads(sdflow("model", "show", "civitai:77", "--config", tiny, "--json").out)
    downloads = [row["download"] for row in told["components"]]
    assert sorted(downloads)[-2:] == [0, file.stat().st_size]
    assert all(row["parameters"] > 0 for row in told["components"] if row["role"] in {"unet", "vae"})
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
