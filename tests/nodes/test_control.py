"""ControlNets and T2I-Adapters in recipes: keys, what runs again, and what is refused while planning."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.original_names import prefixed
from sdflow.problems import UserError
from tests.models.control_names import controlnet, t2i_adapter
from tests.nodes.test_keys import write_pictures
from tests.nodes.workbench import Nodes, Workbench, text_to_image

OUT = {"out.safetensors": "$sample"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    folder = tmp_path_factory.mktemp("control")
    write_pictures(folder)
    return Workbench(folder)


def controlled(*entries: dict[str, Any], **fields: Any) -> Nodes:
    nodes = text_to_image("builtin:tiny")
    nodes["sample"] |= {"control": list(entries), **fields}
    return {
        **nodes,
        "edges": {"type": "load-image", "path": "noise.png"},
        "other": {"type": "load-image", "path": "other.png"},
        "net": {"type": "load-controlnet", "source": "builtin:tiny-controlnet"},
        "adapter": {"type": "load-controlnet", "source": "builtin:tiny-t2i-adapter"},
    }


ONE = {"model": "$net", "image": "$edges"}


def latent(bench: Workbench, nodes: Nodes) -> bytes:
    return bench.bytes_of(bench.run(nodes, OUT), "sample", "latent")


def key(bench: Workbench, nodes: Nodes) -> str:
    plan = bench.session.prepare(bench.compose(bench.write(nodes, OUT))).plan
    return plan.keys[plan.graph.names["", "sample"]].key


def test_each_entry_changes_the_result_and_nothing_but_denoise_runs_again(bench: Workbench) -> None:
    plain = latent(bench, controlled())
    one = latent(bench, controlled(ONE))
    assert bench.ran() == {"edges", "sample"}
    two = latent(bench, controlled(ONE, {"model": "$adapter", "image": "$edges", "weight": 0.5}))
    assert bench.ran() == {"sample"}
    assert len({plain, one, two}) == 3


def test_weight_0_is_no_control_at_all(bench: Workbench) -> None:
    none = controlled({**ONE, "weight": 0})
    assert key(bench, none) == key(bench, controlled())
    beside = controlled({**ONE, "weight": 0.0}, {"model": "$adapter", "image": "$edges"})
    assert key(bench, beside) == key(bench, controlled({"model": "$adapter", "image": "$edges"}))
    assert "edges" not in bench.planned(none, OUT)


@pytest.mark.parametrize(
    "change",
    [
        {"weight": 0.5},
        {"from": 0.4},
        {"until": 0.6},
        {"guess": True},
        {"image": "$other"},
        {"model": "$adapter"},
    ],
)
def test_whatever_changes_the_result_changes_the_key(bench: Workbench, change: dict[str, Any]) -> None:
    before, after = controlled(ONE), controlled({**ONE, **change})
    assert key(bench, before) != key(bench, after)
    assert latent(bench, before) != latent(bench, after)


def test_a_mask_tells_the_network_what_is_unknown(bench: Workbench) -> None:
    nodes = controlled({**ONE, "image": "$sized", "mask": "$mask"}, {"model": "$adapter", "image": "$edges"})
    nodes["sized"] = {"type": "resize-image", "image": "$edges", "width": 32, "height": 32}
    nodes["square"] = {"type": "resize-image", "image": "$other", "width": 32, "height": 32}
    nodes["mask"] = {"type": "load-mask", "path": "square.png"}
    from PIL import Image as Pillow

    Pillow.new("L", (32, 32), 255).save(bench.folder / "square.png")
    masked = latent(bench, nodes)
    del nodes["sample"]["control"][0]["mask"]
    assert masked != latent(bench, nodes)


def test_regions_and_guidance_off(bench: Workbench) -> None:
    nodes = controlled(ONE, guidance=1.0)
    off = latent(bench, nodes)
    nodes["more"] = {"type": "encode-prompt", "model": "$model", "prompt": "an owl", "negative": "fog"}
    nodes["both"] = {"type": "combine-conditioning", "conditionings": ["$text", "$more"]}
    nodes["sample"] |= {"conditioning": "$both", "guidance": 3.0}
    assert latent(bench, nodes) != off
    guessed = controlled({**ONE, "guess": True})
    guessed |= {name: nodes[name] for name in ("more", "both")}
    guessed["sample"] |= {"conditioning": "$both"}
    latent(bench, guessed)


def test_the_plan_counts_the_network(bench: Workbench) -> None:
    plain, one = (
        bench.session.prepare(bench.compose(bench.write(nodes, OUT))).plan
        for nodes in (controlled(steps=3), controlled(ONE, steps=3))
    )
    (before, after) = (made.nodes[made.graph.names["", "sample"]] for made in (plain, one))
    assert {part.role for part in after.components} == {"unet", "controlnet"}
    assert after.cost.work > before.cost.work
    assert after.cost.activations > before.cost.activations


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "another family": ({"model": "$net"}, "SDF424", "this ControlNet is for"),
    "another family of adapters": ({"model": "$adapter"}, "SDF424", "this T2I-Adapter is for another model"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_networks_for_another_family_are_refused(bench: Workbench, name: str) -> None:
    change, code, message = REFUSED[name]
    nodes = controlled({**ONE, **change})
    nodes["model"]["source"] = "builtin:tiny-xl"
    with pytest.raises(UserError) as caught:
        key(bench, nodes)
    (problem,) = caught.value.problems
    assert (problem.code, problem.message[: len(message)]) == (code, message)
    assert problem.position is not None


def test_a_light_adapter_is_for_unets_whose_last_levels_are_alike(bench: Workbench, tmp_path: Path) -> None:
    from sdflow.models.tiny import tiny_unet_config
    from sdflow.models.tiny_control import write_tiny_control

    light: dict[str, Any] = {"adapter_type": "light_adapter", "channels": [16, 32, 32], "num_res_blocks": 1}
    write_tiny_control(tmp_path / "light", tiny_unet_config(), "adapter", **light)
    nodes = controlled({**ONE, "model": "$adapter"})
    nodes["adapter"]["source"] = str(tmp_path / "light")
    with pytest.raises(UserError) as caught:
        key(bench, nodes)
    assert [it.code for it in caught.value.problems] == ["SDF424"]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({**ONE, "mode": "canny"}, "SDF425"),
        ({"model": "$adapter", "image": "$edges", "guess": True}, "SDF214"),
        ({**ONE, "from": 0.1, "until": 0.4}, "SDF214"),
        ({**ONE, "from": 0.5, "until": 0.5}, "SDF204"),
        ({**ONE, "mode": "cany"}, "SDF204"),
        ({**ONE, "model": "$model"}, "SDF205"),
    ],
)
def test_what_has_no_effect_or_makes_no_sense_is_refused(
    bench: Workbench, entry: dict[str, Any], code: str
) -> None:
    with pytest.raises(UserError) as caught:
        key(bench, controlled({**ONE, "weight": 0}, entry))
    (problem,) = caught.value.problems
    assert problem.code == code
    lines = (bench.folder / "recipe.yaml").read_text().splitlines()
    assert problem.position is not None
    start = next(number for number, line in enumerate(lines) if "weight: 0" in line) + 1
    assert problem.position.line > start  # in the second entry, though the first counts for nothing


def test_a_model_is_no_controlnet(bench: Workbench, tmp_path: Path) -> None:
    nodes = controlled(ONE)
    nodes["net"]["source"] = "builtin:tiny"
    nodes["net"]["subfolder"] = "vae"
    with pytest.raises(UserError) as caught:
        key(bench, nodes)
    (problem,) = caught.value.problems
    assert problem.code == "SDF303"
    assert "the controlnet of `builtin:tiny` is an autoencoder (VAE)" in problem.message


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_a_single_file_is_the_folder(bench: Workbench, ending: str) -> None:
    import torch
    from safetensors.torch import load_file

    nodes = controlled(ONE)
    folder = latent(bench, nodes)
    source = next((bench.folder / "cache" / "builtin").glob("tiny-controlnet-*"))
    weights = source / "diffusion_pytorch_model.safetensors"
    if ending == "bin":
        torch.save(load_file(weights), bench.folder / "net.bin")
    else:
        (bench.folder / "net.safetensors").write_bytes(weights.read_bytes())
    nodes["net"] |= {"source": f"./net.{ending}", "config": "builtin:tiny-controlnet"}
    assert latent(bench, nodes) == folder
    del nodes["net"]["config"]
    with pytest.raises(UserError) as caught:
        key(bench, nodes)
    assert [it.code for it in caught.value.problems] == ["SDF320"]


@pytest.mark.parametrize("name", ["control_model.", "body."])
def test_the_names_of_the_authors_are_those_of_the_folder(bench: Workbench, name: str) -> None:
    from safetensors.torch import load_file, save_file

    kind = "controlnet" if name == "control_model." else "t2i-adapter"
    nodes = controlled({**ONE, "model": "$used"})
    nodes["used"] = {"type": "load-controlnet", "source": f"builtin:tiny-{kind}"}
    folder = latent(bench, nodes)
    source = next((bench.folder / "cache" / "builtin").glob(f"tiny-{kind}-*"))
    tensors = load_file(source / "diffusion_pytorch_model.safetensors")
    if name == "body.":
        save_file(t2i_adapter(tensors, layers=1), bench.folder / "original.safetensors")
        nodes["used"] = {"type": "load-controlnet", "source": "./original.safetensors"}
    else:
        original = prefixed(name, controlnet(tensors, layers=1))
        save_file(original, bench.folder / "original.safetensors")
        nodes["used"] |= {"source": "./original.safetensors", "config": f"builtin:tiny-{kind}"}
    assert latent(bench, nodes) == folder
    assert bench.ran() == {"sample"}
