"""Nothing is computed twice, and nothing that changed is kept: what runs after which edit."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sdflow.engine.events import Event, NodeStarted
from sdflow.wishes import Wishes
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

PICTURE = {"picture.png": "$image"}


@pytest.fixture(scope="module")
def made(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workbench, Nodes]:
    """A workbench on which the plainest recipe has run."""
    bench = Workbench(tmp_path_factory.mktemp("bench"))
    nodes = text_to_image(tiny)
    bench.run(nodes, PICTURE)
    assert bench.ran() == {"text", "noise", "sample", "image"}
    return bench, nodes


EDITS: list[tuple[dict[str, dict[str, Any]], set[str]]] = [
    ({}, set()),
    ({"text": {"prompt": "a blue fox"}}, {"text", "sample", "image"}),
    ({"text": {"negative": "blurry"}}, {"text", "sample", "image"}),
    ({"text": {"clip-skip": 1}}, {"text", "sample", "image"}),
    ({"noise": {"seed": 2}}, {"noise", "sample", "image"}),
    ({"sample": {"steps": 3}}, {"sample", "image"}),
    ({"sample": {"sampler": "EulerDiscreteScheduler"}}, set()),
    ({"sample": {"sampler": "Euler"}}, set()),
    ({"sample": {"guidance": 3}}, set()),
    ({"sample": {"sampler": "ddim"}}, {"sample", "image"}),
    ({"image": {"tiling": False}}, set()),
    ({"image": {"slicing": True}}, {"image"}),
]


@pytest.mark.parametrize(("edits", "expected"), EDITS, ids=[str(edits) for edits, _ in EDITS])
def test_what_an_edit_runs(
    made: tuple[Workbench, Nodes], edits: Mapping[str, Mapping[str, Any]], expected: set[str]
) -> None:
    bench, nodes = made
    changed = edited(nodes, edits)
    assert bench.planned(changed, PICTURE) == expected


def test_another_vae_runs_decode_alone(made: tuple[Workbench, Nodes], tiny: Path, tmp_path: Path) -> None:
    from sdflow.models.tiny import write_tiny

    bench, nodes = made
    other = write_tiny(tmp_path / "other", seed=5)
    assert bench.planned(edited(nodes, {"model": {"vae": str(other)}}), PICTURE) == {"image"}
    assert bench.planned(edited(nodes, {"model": {"unet": str(other)}}), PICTURE) == {"sample", "image"}
    copied = tmp_path / "copied"
    shutil.copytree(tiny, copied)
    assert bench.planned(edited(nodes, {"model": {"source": str(copied)}}), PICTURE) == set()


def test_new_names_and_another_order_run_nothing(made: tuple[Workbench, Nodes]) -> None:
    bench, nodes = made
    text = json.dumps(nodes)
    for name in nodes:
        text = text.replace(f'"{name}"', f'"my-{name}"').replace(f'"${name}"', f'"$my-{name}"')
    renamed = json.loads(
        text.replace('"my-model": "$', '"model": "$').replace('"my-model": {', '"my-model": {')
    )
    renamed = {
        name: {("model" if field == "my-model" else field): value for field, value in fields.items()}
        for name, fields in reversed(renamed.items())
    }
    assert bench.planned(renamed, {"other-name.png": "$my-image"}) == set()


def test_previews_change_no_key_and_run_only_what_is_missing(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = edited(text_to_image(tiny), {"sample": {"steps": 6}})
    first = bench.run(nodes, PICTURE)
    watched: Nodes = {
        **nodes,
        "way": {"type": "preview", "model": "$model", "of": "$sample.trajectory", "every": 2},
    }
    second = bench.run(watched, {**PICTURE, "way-{index}.png": "$way.decoded", "latent-{index}.png": "$way"})
    keys = [
        result.prepared.plan.keys[result.prepared.graph.names["", "sample"]].key for result in (first, second)
    ]
    assert keys[0] == keys[1]
    assert bench.ran() == {"sample", "way"}
    assert sorted(second.files) == sorted(
        [*PICTURE, *(f"{kind}-{i}.png" for kind in ("way", "latent") for i in range(4))]
    )
    assert second.files["way-3.png"].stat().st_size > 0
    progress = [event.to_json() for event in bench.events if event.name == "node-progress"]
    assert [event["done"] for event in progress if event["node"] == "sample"] == [1, 2, 3, 4, 5, 6]
    # One more state: the run goes on from the kept state before it, and only as far as that state.
    bench.run(edited(watched, {"way": {"at": [5]}}), {"way.png": "$way.decoded"})
    progress = [event.to_json() for event in bench.events if event.name == "node-progress"]
    assert [event["done"] for event in progress if event["node"] == "sample"] == [5]
    bench.run(edited(watched, {"way": {"at": [2, 5]}}), {"way-{index}.png": "$way.decoded"})
    assert bench.ran() == {"way"}


def test_a_preview_of_the_start_alone(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = text_to_image(tiny)
    bench.run(nodes, PICTURE)
    nodes["way"] = {"type": "preview", "model": "$model", "of": "$sample.trajectory", "at": [0]}
    assert not bench.run(nodes, {"way.png": "$way", **PICTURE}).failed
    assert bench.ran() == {"sample", "way"}


def test_one_unet_under_three_vaes_is_denoised_once(tiny: Path, tmp_path: Path) -> None:
    from sdflow.models.tiny import write_tiny

    bench = Workbench(tmp_path)
    others = [write_tiny(tmp_path / f"vae{seed}", seed=seed) for seed in (5, 6)]
    nodes = edited(text_to_image(tiny), {"model": {"vae": "$params.vae"}})
    composition = bench.compose(
        bench.write(
            nodes,
            {"{cell}.png": "$image"},
            params={"vae": str(tiny)},
            matrix={"vae": [str(tiny), *map(str, others)]},
        )
    )
    bench.session.run(composition, out=tmp_path / "out", listener=bench.events.append)
    started = [event.node.split(" ")[0] for event in bench.events if isinstance(event, NodeStarted)]
    assert sorted(started) == ["image", "image", "image", "noise", "sample", "text"]
    assert len({file.read_bytes() for file in (tmp_path / "out").iterdir()}) == 3


def test_a_picture_that_changes_while_it_is_in_use_is_not_kept_under_its_old_digest(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image as Pillow

    from sdflow.nodes.load_image import LoadImage

    bench = Workbench(tmp_path)
    path = tmp_path / "in.png"
    Pillow.new("RGB", (32, 32), "red").save(path)
    red = path.read_bytes()
    nodes: Nodes = {"file": {"type": "load-image", "path": "in.png"}}
    read = LoadImage.run

    def painted_over(self: LoadImage, ctx: Any) -> Any:
        monkeypatch.undo()
        Pillow.new("RGB", (32, 32), "blue").save(path)
        return read(self, ctx)

    monkeypatch.setattr(LoadImage, "run", painted_over)
    result = bench.run(nodes, {"out.png": "$file"})
    assert Pillow.open(result.files["out.png"]).getpixel((0, 0)) == (0, 0, 255)
    path.write_bytes(red)
    result = bench.run(nodes, {"out.png": "$file"})
    assert Pillow.open(result.files["out.png"]).getpixel((0, 0)) == (255, 0, 0)


def test_weights_that_change_before_they_are_loaded_make_another_plan(tiny: Path, tmp_path: Path) -> None:
    from sdflow.models.tiny import write_tiny

    folder, other = tmp_path / "model", write_tiny(tmp_path / "other", seed=9)
    shutil.copytree(tiny, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    bench = Workbench(tmp_path / "bench")
    nodes = text_to_image(folder)

    def exchange(event: Event) -> None:
        bench.events.append(event)
        if isinstance(event, NodeStarted) and event.node == "sample":
            shutil.copy(other / "unet" / weights.name, weights)

    composition = bench.compose(bench.write(nodes, PICTURE))
    changed = bench.session.run(composition, out=tmp_path / "changed", listener=exchange)
    assert any("changed while it was in use" in str(event.to_json()) for event in bench.events)
    expected = Workbench(tmp_path / "expected").run(edited(nodes, {"model": {"unet": str(other)}}), PICTURE)
    assert changed.files["picture.png"].stat().st_size
    made = changed.prepared.plan
    assert made.keys[made.graph.names["", "image"]].key == (
        expected.prepared.plan.keys[expected.prepared.graph.names["", "image"]].key
    )
    shutil.copy(tiny / "unet" / weights.name, weights)
    assert bench.planned(nodes, PICTURE) == {"sample", "image"}


def test_the_last_preview_is_the_picture(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = text_to_image(tiny)
    nodes["way"] = {"type": "preview", "model": "$model", "of": "$sample.trajectory", "at": [2]}
    result = bench.run(nodes, {"way.png": "$way.decoded", **PICTURE})
    assert bench.bytes_of(result, "way", "decoded") == bench.bytes_of(result, "image", "image")


def test_a_denoise_in_two_halves_is_the_whole(tiny: Path, tmp_path: Path) -> None:
    # noise ─▶ first (to step 3) ─▶ second (from there)      the same as  noise ─▶ sample
    bench = Workbench(tmp_path)
    nodes = edited(text_to_image(tiny), {"sample": {"steps": 5}})
    nodes["first"] = {**nodes["sample"], "end-step": 3}
    nodes["second"] = {**nodes["sample"], "latent": "$first", "start-step": 3}
    result = bench.run(nodes, {"a.safetensors": "$sample", "b.safetensors": "$second"})
    assert bench.bytes_of(result, "sample", "latent") == bench.bytes_of(result, "second", "latent")


def test_a_recipe_in_one_go_is_the_recipe_node_by_node_in_processes_of_their_own(
    tiny: Path, tmp_path: Path
) -> None:
    nodes = edited(text_to_image(tiny), {"sample": {"sampler": "dpm++-2m"}, "noise": {"batch": 2}})
    whole = Workbench(tmp_path / "whole").run(nodes, {"{index}.png": "$image"})
    parts = Workbench(tmp_path / "parts")
    recipe = parts.write(nodes, {"{index}.png": "$image"})
    for name in ("noise", "text", "sample"):
        run_process(recipe, tmp_path / "parts", "--to", name)
    events = run_process(recipe, tmp_path / "parts", "--json")
    assert [event["node"] for event in events if event["event"] == "node-started"] == ["image"]
    for index in range(2):
        one, other = whole.files[f"{index}.png"], tmp_path / "parts" / "out" / f"{index}.png"
        assert one.read_bytes() == other.read_bytes()


def run_process(recipe: Path, folder: Path, *options: str) -> list[dict[str, Any]]:
    """Run a recipe in a process of its own; its events."""
    arguments = ["run", str(recipe), "--cache", str(folder / "cache"), "-o", str(folder / "out"), *options]
    if "--json" not in options:
        arguments.append("--json")
    program = [sys.executable, "-m", "sdflow", *arguments, "--device", "cpu"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


_NO_TORCH = """
import sys
from sdflow.cli.main import run
code = run(sys.argv[1:])
assert code == 0, code
heavy = {"torch", "diffusers", "transformers", "accelerate"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_second_run_imports_no_torch_and_brings_back_what_was_deleted(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    file = bench.run(text_to_image(tiny), PICTURE).files["picture.png"]
    before = file.read_bytes()
    recipe = str(tmp_path / "recipe.yaml")
    for remove in (False, True):
        if remove:
            file.unlink()
        for command in (["plan"], ["run", "-o", str(tmp_path / "out"), "--json"]):
            arguments = [
                command[0],
                recipe,
                *command[1:],
                "--cache",
                str(tmp_path / "cache"),
                "--device",
                "cpu",
            ]
            done = subprocess.run(
                [sys.executable, "-c", _NO_TORCH, *arguments], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
        assert "node-started" not in done.stdout
        assert file.read_bytes() == before


def test_a_picture_makes_itself_again(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = edited(text_to_image(tiny), {"noise": {"seed": "random"}})
    file = bench.run(nodes, PICTURE).files["picture.png"]
    elsewhere = Workbench(tmp_path / "elsewhere")
    moved = elsewhere.folder / "moved.png"
    shutil.copy(file, moved)
    again = elsewhere.session.run(elsewhere.compose(moved), out=elsewhere.folder / "out")
    assert again.files["picture.png"].read_bytes() == file.read_bytes()


def test_forcing_a_node_gives_the_same_bytes(made: tuple[Workbench, Nodes]) -> None:
    bench, nodes = made
    result = bench.run(nodes, PICTURE)
    before = bench.bytes_of(result, "sample", "latent")
    result = bench.run(nodes, PICTURE, Wishes(force=("sample+",)))
    assert bench.ran() == {"sample", "image"}
    assert bench.bytes_of(result, "sample", "latent") == before
