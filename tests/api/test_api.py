"""sdflow in Python, as a notebook uses it."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import sdflow
from sdflow.problems import UserError
from sdflow.values import Latent
from tests.nodes.workbench import Workbench, edited, text_to_image


@pytest.fixture(scope="module")
def recipe(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> sdflow.Loaded:
    bench = Workbench(tmp_path_factory.mktemp("api"))
    nodes = edited(
        text_to_image(tiny), {"noise": {"seed": "$params.seed", "batch": 2}, "sample": {"steps": 6}}
    )
    file = bench.write(nodes, {"{params.seed}-{index}.png": "$image"}, params={"seed": 1})
    return sdflow.load(file, device="cpu", cache=bench.folder / "cache")


def test_a_run_gives_pictures(recipe: sdflow.Loaded) -> None:
    pictures = recipe.run(seed=7).images["image"]
    assert len(pictures) == 2
    assert pictures[0].size == (32, 32)
    assert [np.asarray(picture).shape for picture in pictures] == [(32, 32, 3)] * 2
    assert not np.array_equal(np.asarray(pictures[0]), np.asarray(pictures[-1]))
    with pytest.raises(IndexError):
        pictures[2]
    shown = Pillow.open(io.BytesIO(pictures._repr_png_()))
    assert shown.size == (64, 32)


def test_files_are_written_where_the_caller_says_and_nowhere_else(
    recipe: sdflow.Loaded, tmp_path: Path
) -> None:
    assert recipe.run(seed=8).files == {}
    run = recipe.run(seed=8, out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["8-0.png", "8-1.png"] == sorted(run.files)


def test_values_of_every_node_can_be_had(recipe: sdflow.Loaded) -> None:
    run = recipe.run(seed=7)
    latent = run.value("sample")
    assert isinstance(latent, Latent)
    assert tuple(latent.samples.shape) == (2, 4, 4, 4)
    with pytest.raises(KeyError):
        run.value("simple")


def test_the_plan_says_what_a_run_would_do(recipe: sdflow.Loaded) -> None:
    recipe.run(seed=7)
    assert recipe.plan(seed=7).plan.order == ()
    made = recipe.plan(seed=9).plan
    assert {made.nodes[number].item.name for number in made.order} == {"noise", "sample", "image"}


def test_a_wrong_parameter_is_an_error_with_the_right_word(recipe: sdflow.Loaded) -> None:
    with pytest.raises(UserError, match="sed") as caught:
        recipe.run(sed=7)
    assert "seed" in str(caught.value.problems[0].hint)


def test_events_come_as_they_happen(recipe: sdflow.Loaded) -> None:
    names = [event.name for event in recipe.events(seed=21)]
    assert names[0] == "run-started"
    assert names[-1] == "run-finished"
    assert names.count("node-progress") == 6


def test_leaving_the_events_early_stops_the_run(recipe: sdflow.Loaded) -> None:
    for event in recipe.events(seed=22):
        if event.name == "node-progress":
            break
    made = recipe.plan(seed=22).plan
    assert "image" in {made.nodes[number].item.name for number in made.order}


def test_what_goes_wrong_in_the_thread_comes_out_of_the_loop(recipe: sdflow.Loaded) -> None:
    with pytest.raises(UserError):
        list(recipe.events(sed=1))


def test_importing_sdflow_costs_nothing() -> None:
    program = "import sys, sdflow; heavy = {'pydantic', 'yaml', 'numpy', 'torch'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", f"{program}; assert not heavy, heavy"], check=False)
    assert done.returncode == 0
