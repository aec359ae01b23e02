"""Runs under profiles: what promises the same picture hits what is kept, and what moves bits has keys of its own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from sdflow.cli.plan_text import plan_json, plan_text
from sdflow.device import Device
from sdflow.engine.events import ModelMoved
from sdflow.profiles.profile import BUILT_IN, Chosen, Profile
from sdflow.workflow import Prepared, Session
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

OUTPUTS = {"out-{index}.png": "$image"}
BATCH: Mapping[str, Mapping[str, Any]] = {"noise": {"batch": 2, "width": 576}}
"""Two items, wider than a tile."""


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def under(bench: Workbench, profile: Profile | str, memory: int | None = None) -> Workbench:
    """The same cache under a profile, on a device of another size where `memory` says so."""
    bench.session = Session(bench.session.settings)
    chosen = Chosen(BUILT_IN[profile] if isinstance(profile, str) else profile, "mine", "--profile")
    bench.session.__dict__["profile"] = chosen
    if memory is not None:
        bench.session.__dict__["device"] = replace(bench.session.device, memory_bytes=memory)
    return bench


def prepared(bench: Workbench, nodes: Nodes) -> Prepared:
    return bench.session.prepare(bench.compose(bench.write(nodes, OUTPUTS)))


def keys(bench: Workbench, nodes: Nodes) -> dict[str, str]:
    plan = prepared(bench, nodes).plan
    return {
        name: plan.keys[number].key for (_, name), number in plan.graph.names.items() if number in plan.keys
    }


SAME = {
    "budgets": Profile(weights_on_device=0.0, weights_in_memory=0.0),
    "offload": Profile(group_offload="leaf"),
    "auto": Profile(
        decode_tiling="auto", encode_tiling="auto", decode_slicing="auto", denoise_slicing="auto"
    ),
    "balanced": BUILT_IN["balanced"],
}


@pytest.mark.parametrize("name", SAME)
def test_what_promises_the_same_picture_hits_the_same_cache(bench: Workbench, tiny: Path, name: str) -> None:
    nodes = edited(text_to_image(tiny), BATCH)
    bench.run(nodes, OUTPUTS)
    under(bench, SAME[name]).run(nodes, OUTPUTS)
    assert bench.ran() == set()


def test_one_component_at_a_time_makes_the_same_picture(bench: Workbench, tiny: Path, tmp_path: Path) -> None:
    nodes = text_to_image(tiny)
    whole = bench.bytes_of(bench.run(nodes, OUTPUTS), "image", "image")
    other = under(Workbench(tmp_path / "other"), Profile(weights_on_device=0.0))
    result = other.run(nodes, OUTPUTS)
    assert other.bytes_of(result, "image", "image") == whole
    moved = [(event.action, event.component) for event in other.events if isinstance(event, ModelMoved)]
    assert moved.index(("dropped", "unet")) < moved.index(("loaded", "vae"))
    assert sum(action == "loaded" for action, _ in moved) == 4, (
        "tokenizer, text encoder, UNet, VAE: each once"
    )


OTHER: dict[str, tuple[Profile, set[str]]] = {
    "tiling": (Profile(decode_tiling="always"), {"image"}),
    "decode slicing": (Profile(decode_slicing="always"), {"image"}),
    "denoise slicing": (Profile(denoise_slicing="always"), {"sample", "image"}),
    "channels last": (Profile(channels_last=True), {"sample", "image"}),
    "fused": (Profile(fused_qkv=True), {"sample", "image"}),
    "float8": (Profile(float8_storage=True), {"sample", "image"}),
    "int8": (Profile(int8_weights=True), {"sample", "image"}),
    "compiled": (Profile(compile=True), {"sample", "image"}),
}


@pytest.mark.parametrize("name", OTHER)
def test_what_may_move_bits_has_keys_of_its_own(bench: Workbench, tiny: Path, name: str) -> None:
    nodes = edited(text_to_image(tiny), BATCH)
    before = keys(bench, nodes)
    profile, expected = OTHER[name]
    after = keys(under(bench, profile), nodes)
    assert {node for node, key in after.items() if key != before[node]} == expected


def test_encoding_in_tiles_has_a_key_of_its_own(bench: Workbench, tiny: Path) -> None:
    Pillow.new("RGB", (576, 32)).save(bench.folder / "wide.png")
    nodes = {
        **text_to_image(tiny),
        "file": {"type": "load-image", "path": "wide.png"},
        "noise": {"type": "init-latent-from-image", "model": "$model", "image": "$file"},
    }
    nodes["sample"] |= {"strength": 0.5}
    before = keys(bench, nodes)
    after = keys(under(bench, Profile(encode_tiling="always")), nodes)
    assert {node for node, key in after.items() if key != before[node]} == {"noise", "sample", "image"}


def test_every_setting_is_in_one_of_the_two_tables() -> None:
    tested = {
        word for profile in [*SAME.values(), *(it for it, _ in OTHER.values())] for word in profile.changes
    }
    assert tested == {field.alias for field in Profile.model_fields.values()} - {"description"}


def test_a_profile_is_the_recipe_that_says_the_same(bench: Workbench, tiny: Path) -> None:
    nodes = edited(text_to_image(tiny), BATCH)
    under(bench, "low-vram").run(nodes, OUTPUTS)
    assert bench.ran() == {"text", "noise", "sample", "image"}
    written = edited(nodes, {"sample": {"slicing": True}, "image": {"slicing": True, "tiling": True}})
    bench.session = Session(bench.session.settings)
    bench.run(written, OUTPUTS)
    assert bench.ran() == set()


def test_what_would_do_nothing_is_left_out_of_keys(bench: Workbench, tiny: Path) -> None:
    nodes = edited(text_to_image(tiny), {"sample": {"guidance": 1.0}})
    assert keys(under(bench, "low-vram"), nodes) == keys(under(bench, Profile()), nodes)


def test_what_the_recipe_says_itself_stays(bench: Workbench, tiny: Path) -> None:
    nodes = edited(text_to_image(tiny), {**BATCH, "image": {"tiling": False}})
    changed = prepared(under(bench, "low-vram"), nodes).profile.fields
    assert set(changed.values()) == {("slicing",)}


def test_auto_saves_where_the_estimate_says_that_it_would_not_fit(bench: Workbench, tiny: Path) -> None:
    nodes = edited(text_to_image(tiny), BATCH)
    # Decoding both items takes 2 · 576 · 32 · 2,500 bytes, one of them half of it, and the tiny VAE a megabyte.
    names = {name: number for (_, name), number in prepared(bench, nodes).graph.names.items()}
    for memory, expected in ((256 << 20, ()), (60 << 20, ("slicing",)), (1 << 20, ("slicing", "tiling"))):
        fields = prepared(under(bench, "balanced", memory), nodes).profile.fields
        assert fields.get(names["image"], ()) == expected


def test_what_is_fused_or_compiled_stays_away_from_loras() -> None:
    from sdflow.profiles.applying import words_of
    from sdflow.values import Adapter, Component, Location, WeightFile

    file = WeightFile("lora.safetensors", "sha256:a", 1)
    lora = Adapter("lora", file, Location("here"))
    unet = Component(
        "unet", "diffusers", "UNet2DConditionModel", {}, (file,), "float32", 1, 4, Location("here")
    )
    profile = Profile(fused_qkv=True, channels_last=True, compile=True)
    assert words_of(unet, profile) == ("fused-qkv", "channels-last", "compiled")
    assert words_of(replace(unet, adapters=(lora,)), profile) == ("channels-last",)


def test_groups_are_for_unets_on_cuda() -> None:
    from sdflow.profiles.applying import group_of
    from sdflow.values import Component, Location

    def part(role: str, size: int) -> Component:
        return Component(role, "diffusers", "X", {}, (), "float16", size // 2, size, Location("here"))

    cuda, cpu = Device("cuda", 0, "gpu", 1000), Device("cpu", 0, "cpu", 1000)
    auto, leaf = Profile(group_offload="auto"), Profile(group_offload="leaf")
    assert [group_of(part("unet", size), auto, cuda) for size in (600, 800)] == ["", "leaf"]
    assert group_of(part("unet", 1), leaf, cuda) == "leaf"
    assert group_of(part("unet", 1), leaf, cpu) == ""
    assert group_of(part("vae", 800), leaf, cuda) == ""


def test_the_plan_says_what_a_profile_does(bench: Workbench, tiny: Path) -> None:
    found = prepared(under(bench, "low-vram"), edited(text_to_image(tiny), BATCH))
    text = plan_text(found, verbose=False, width=120)
    lines = [line[10:] for line in text.splitlines()[text.splitlines().index("profile   mine (--profile)") :]]
    assert lines[:5] == [
        "mine (--profile)",
        "sample: slicing",
        "image: slicing, tiling",
        "weights: one component at a time",
        "without effect on cpu: group-offload",
    ]
    found = prepared(under(bench, "fast"), text_to_image(tiny))
    assert json.loads(plan_json(found))["profile"] == {
        "name": "mine",
        "from": "--profile",
        "nodes": {},
        "components": {"unet": ["fused-qkv", "channels-last"], "vae": ["channels-last"]},
    }
    bench.session = Session(bench.session.settings)
    assert json.loads(plan_json(prepared(bench, text_to_image(tiny))))["profile"] is None


def test_out_of_memory_under_a_profile_is_tried_again_with_what_is_left(
    bench: Workbench, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from sdflow.diffusion import vae

    genuine: Callable[..., Any] = vae.decode_latent
    asked: list[dict[str, bool]] = []

    def greedy(module: Any, latent: Any, *, slicing: bool, tiling: Any, device: str) -> Any:
        asked.append({"slicing": slicing, "tiling": tiling is not None})
        if tiling is None:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return genuine(module, latent, slicing=slicing, tiling=tiling, device=device)

    monkeypatch.setattr(vae, "decode_latent", greedy)
    nodes = edited(text_to_image(tiny), BATCH)
    result = under(bench, Profile(decode_slicing="always")).run(nodes, OUTPUTS)
    assert asked == [{"slicing": True, "tiling": False}, {"slicing": True, "tiling": True}]
    assert not result.failed
    bench.run(nodes, OUTPUTS)
    assert len(asked) == 2, "what did not fit once is planned without it"
