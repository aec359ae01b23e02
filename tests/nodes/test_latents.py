"""Recipes that cut, turn, stack, blend and keep latents."""

import json
from pathlib import Path

import pytest
from PIL import Image as Pillow

from sdflow.pictures.texts import RECORD, texts_of
from sdflow.problems import UserError
from sdflow.provenance.parameters import parse_parameters
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

torch = pytest.importorskip("torch")


def latent_of(bench: Workbench, nodes: Nodes, name: str) -> bytes:
    result = bench.run(nodes, {"latent.safetensors": f"${name}"})
    assert not result.failed
    return result.files["latent.safetensors"].read_bytes()


def test_a_latent_from_its_file_is_the_latent_and_goes_on_as_if_it_had_never_been_away(
    tiny: Path, tmp_path: Path
) -> None:
    bench = Workbench(tmp_path)
    nodes = edited(text_to_image(tiny), {"sample": {"sampler": "euler-ancestral", "steps": 3}})
    whole = latent_of(bench, nodes, "sample")
    nodes["first"] = {**nodes["sample"], "end-step": 1}
    half = latent_of(bench, nodes, "first")
    (tmp_path / "half.safetensors").write_bytes(half)
    nodes["kept"] = {"type": "load-latent", "path": "half.safetensors"}
    assert latent_of(bench, nodes, "kept") == half
    nodes["second"] = {**nodes["sample"], "latent": "$kept", "start-step": 1}
    assert latent_of(bench, nodes, "second") == whole
    assert bench.ran() == {"second"}, "the model is not asked for the first steps again"


def test_another_latent_under_the_same_name_is_noticed(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = text_to_image(tiny)
    (tmp_path / "kept.safetensors").write_bytes(latent_of(bench, nodes, "noise"))
    nodes["kept"] = {"type": "load-latent", "path": "kept.safetensors"}
    nodes["image"]["latent"] = "$kept"
    bench.run(nodes, {"a.png": "$image"})
    other = latent_of(bench, edited(nodes, {"noise": {"seed": 2}}), "noise")
    (tmp_path / "kept.safetensors").write_bytes(other)
    bench.run(nodes, {"a.png": "$image"})
    assert bench.ran() == {"kept", "image"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "SDF367"),
        (b"", "SDF368"),
        (b"hello", "SDF368"),
        ("image", "SDF368"),
        ("cut", "SDF368"),
        ("streams", "SDF368"),
    ],
)
def test_a_file_that_is_no_latent_is_refused_while_planning(
    tiny: Path, tmp_path: Path, content: bytes | str | None, code: str
) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    bench = Workbench(tmp_path)
    nodes = text_to_image(tiny)
    file = tmp_path / "kept.safetensors"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content == "image":
        result = bench.run(nodes, {"a.png": "$image"})
        file.write_bytes(bench.bytes_of(result, "image", "image"))
    elif content == "cut":
        file.write_bytes(latent_of(bench, nodes, "noise")[:-10])
    elif content == "streams":
        whole = tmp_path / "whole.safetensors"
        whole.write_bytes(latent_of(bench, nodes, "noise"))
        tensors = load_file(whole)
        with safe_open(whole, framework="pt") as opened:
            header = opened.metadata()
        save_file({**tensors, "streams": tensors["streams"][:, :100].contiguous()}, file, header)
    nodes["kept"] = {"type": "load-latent", "path": "kept.safetensors"}
    with pytest.raises(UserError) as refused:
        bench.planned(nodes, {"b.safetensors": "$kept"})
    assert [problem.code for problem in refused.value.problems] == [code]


def test_items_of_a_stack_are_those_of_runs_of_their_own_and_say_so(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = text_to_image(tiny)
    nodes["others"] = {**nodes["noise"], "seed": [7, 9], "batch": 2}
    nodes["all"] = {"type": "batch-latents", "latents": ["$noise", "$others"]}
    nodes["sample"]["latent"] = "$all"
    nodes["best"] = {"type": "select-images", "image": "$image", "items": [2, 0]}
    result = bench.run(nodes, {"best-{index}.png": "$best", "all-{index}.png": "$image"})
    for place, (item, seed) in enumerate(((2, 9), (0, 1))):
        chosen, whole = result.files[f"best-{place}.png"], result.files[f"all-{item}.png"]
        assert Pillow.open(chosen).tobytes() == Pillow.open(whole).tobytes()
        for path in (chosen, whole):
            texts = texts_of(path)
            assert parse_parameters(texts["parameters"])["seed"] == str(seed)
            assert json.loads(texts[RECORD])["seeds"] == [seed]
    alone = edited(text_to_image(tiny), {"noise": {"seed": 9}})
    once = bench.run(alone, {"alone.png": "$image"}).files["alone.png"]
    difference = max(
        abs(one - two)
        for one, two in zip(
            Pillow.open(once).tobytes(), Pillow.open(result.files["best-0.png"]).tobytes(), strict=True
        )
    )
    assert difference <= 1, "within what another size of batch moves"


def test_two_halves_laid_side_by_side_are_the_whole(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = text_to_image(tiny)
    for name, left in (("one", 0), ("two", 16)):
        nodes[name] = {"type": "crop-latent", "latent": "$sample", "left": left, "width": 16, "height": 32}
    nodes["mirrored"] = {"type": "flip-latent", "latent": "$sample"}
    nodes["again"] = {"type": "composite-latent", "onto": "$mirrored", "over": "$one"}
    nodes["whole"] = {"type": "composite-latent", "onto": "$again", "over": "$two", "left": 16}
    assert latent_of(bench, nodes, "whole") == latent_of(bench, nodes, "sample")
    assert latent_of(bench, nodes, "again") != latent_of(bench, nodes, "sample")


def test_a_variation_is_near_the_picture_and_the_last_one_is_that_of_the_other_seed(
    tiny: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load

    bench = Workbench(tmp_path)
    nodes = text_to_image(tiny)
    nodes["varied"] = {"type": "vary-noise", "latent": "$noise", "seed": 5, "strength": 0.1}
    own = load(latent_of(bench, nodes, "noise"))["samples"]
    other = load(latent_of(bench, edited(nodes, {"noise": {"seed": 5}}), "noise"))["samples"]
    near = load(latent_of(bench, nodes, "varied"))["samples"]
    far = load(latent_of(bench, edited(nodes, {"varied": {"strength": 1.0}}), "varied"))["samples"]
    assert 0 < (near - own).norm() < 0.3 * (other - own).norm()
    assert torch.allclose(far, other, atol=1e-6)
