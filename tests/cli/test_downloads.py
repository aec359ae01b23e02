"""Models that are not here yet: the plan says what is fetched, the run fetches it, and keys stay as they are."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdflow.models.hub_place import HubPlace
from tests.cli.conftest import Sdflow
from tests.cli.test_model_fetch import recipe_of
from tests.models.hub import COMMIT, Hub, Repo, offline, running_hub

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
