"""SDXL and its refiner: which components they have, where those may come from, and what does not go together."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from sdflow.models.family import family_of, roles_of, shown_beside_of
from sdflow.models.load import load_component
from sdflow.models.misfits import misfits
from sdflow.models.refused import ModelError
from sdflow.models.request import ModelRequest, PartRequest
from sdflow.models.tiny_x2 import write_tiny_x2
from sdflow.models.tiny_xl import write_tiny_xl
from sdflow.values import Component, LatentSpace
from tests.models.conftest import Resolve
from tests.models.hub import COMMIT, Hub, Repo
from tests.models.layout import write_json

ROLES = roles_of("sdxl")
REFINER = ("tokenizer_2", "text_encoder_2", "unet", "vae", "scheduler")
# Of the original files: what tells the families apart.
ORIGINALS: dict[str, dict[str, Any]] = {
    "sdxl": {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "cross_attention_dim": 2048,
        "projection_class_embeddings_input_dim": 2816,
    },
    "sdxl-refiner": {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "cross_attention_dim": 1280,
        "projection_class_embeddings_input_dim": 2560,
    },
    "sd1": {"cross_attention_dim": 768},
    "sd2": {"cross_attention_dim": 1024},
    "x2-upscaler": {
        "cross_attention_dim": 768,
        "in_channels": 8,
        "out_channels": 5,
        "time_cond_proj_dim": 896,
        "time_embedding_type": "fourier",
    },
}


@pytest.mark.parametrize("family", ORIGINALS)
def test_the_originals_are_told_apart_by_their_unets(family: str) -> None:
    assert family_of(ORIGINALS[family]) == family


def test_sdxl(resolve: Resolve, tiny_xl: Path) -> None:
    model = resolve(str(tiny_xl))
    assert tuple(model.components) == ROLES
    assert (model.family, model.space) == ("sdxl", LatentSpace("sdxl", 4, 8))
    assert model.traits == {"force_zeros_for_empty_prompt": True}
    assert model.native_size == (64, 64)


def test_the_refiner(resolve: Resolve, tiny_refiner: Path, tiny_xl: Path) -> None:
    model = resolve(str(tiny_refiner))
    assert tuple(model.components) == REFINER == roles_of("sdxl-refiner")
    assert (model.family, model.space) == ("sdxl-refiner", LatentSpace("sdxl", 4, 8))
    assert model.traits == {"force_zeros_for_empty_prompt": False}
    base = resolve(str(tiny_xl))
    for role in ("tokenizer_2", "text_encoder_2", "vae"):
        assert model.components[role].digest == base.components[role].digest


@pytest.mark.parametrize("role", ["text_encoder", "text_encoder_2"])
def test_text_encoders_load_as_transformers_loads_them(resolve: Resolve, tiny_xl: Path, role: str) -> None:
    import transformers

    component = resolve(str(tiny_xl)).components[role]
    ours, _ = load_component(component, "cpu")
    theirs = getattr(transformers, component.class_name).from_pretrained(tiny_xl / role).eval()
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor), name


def test_the_second_tokenizer_pads_with_an_exclamation_mark(resolve: Resolve, tiny_xl: Path) -> None:
    pads = [
        load_component(resolve(str(tiny_xl)).components[role], "cpu")[0].pad_token
        for role in ("tokenizer", "tokenizer_2")
    ]
    assert pads == ["<|endoftext|>", "!"]


def test_an_sdxl_model_of_parts_alone(resolve: Resolve, tiny_xl: Path) -> None:
    parts = {role: PartRequest(str(tiny_xl)) for role in ROLES}
    whole = resolve(str(tiny_xl))
    model = resolve(ModelRequest(None, parts=parts))
    assert model.describe(ROLES) == whole.describe(ROLES)
    assert model.traits == whole.traits
    del parts["tokenizer_2"], parts["vae"]
    with pytest.raises(ModelError, match=r"SDF306 .*`tokenizer-2`, `vae` are missing"):
        resolve(ModelRequest(None, parts=parts))


def test_parts_of_an_sdxl_model(resolve: Resolve, tiny_xl: Path, tmp_path: Path) -> None:
    other = write_tiny_xl(tmp_path / "other", seed=1)
    base = resolve(str(tiny_xl))
    for role in ROLES:
        model = resolve(ModelRequest(str(tiny_xl), parts={role: PartRequest(str(other))}))
        changed = {it for it in ROLES if model.components[it].digest != base.components[it].digest}
        assert changed == ({role} - {"tokenizer", "tokenizer_2", "scheduler"})


def test_the_unet_decides_what_else_is_needed(
    resolve: Resolve, tiny: Path, tiny_xl: Path, tiny_refiner: Path
) -> None:
    """An SDXL folder with the refiner's UNet is a refiner: its first text encoder is not looked at."""
    model = resolve(ModelRequest(str(tiny_xl), parts={"unet": PartRequest(str(tiny_refiner))}))
    assert tuple(model.components) == REFINER
    with pytest.raises(ModelError, match=r"SDF306 .*`tokenizer_2`") as caught:
        resolve(ModelRequest(str(tiny), parts={"unet": PartRequest(str(tiny_xl))}))
    assert "tokenizer-2: SOURCE" in (caught.value.problems[0].hint or "")


def test_what_model_index_says_of_empty_prompts(resolve: Resolve, tmp_path: Path) -> None:
    for said in (True, False):
        folder = write_tiny_xl(tmp_path / str(said), force_zeros_for_empty_prompt=said)
        assert resolve(str(folder)).traits == {"force_zeros_for_empty_prompt": said}


def test_what_model_index_says_of_the_scale_of_pictures_to_edit(resolve: Resolve, tmp_path: Path) -> None:
    folder = write_tiny_xl(tmp_path / "model", in_channels=8)
    assert "is_cosxl_edit" not in resolve(str(folder)).traits
    index = json.loads((folder / "model_index.json").read_text())
    write_json(folder / "model_index.json", {**index, "is_cosxl_edit": True})
    assert resolve(str(folder)).traits["is_cosxl_edit"] is True


def test_the_latent_upscaler(resolve: Resolve, tmp_path: Path) -> None:
    model = resolve(str(write_tiny_x2(tmp_path / "model")))
    assert (model.family, model.space) == ("x2-upscaler", LatentSpace("sd", 4, 8))
    assert tuple(model.components) == roles_of("sd1")
    unet, _ = load_component(model.components["unet"], "cpu")
    theirs = UNet2DConditionModel.from_pretrained(tmp_path / "model" / "unet")
    for (name, ours), (_, other) in zip(unet.named_buffers(), theirs.named_buffers(), strict=True):
        assert torch.equal(ours, other), name


@pytest.mark.parametrize(
    ("channels", "shown"),
    [((4, 4), ""), ((7, 4), "low-resolution"), ((8, 4), "edit"), ((9, 4), "inpaint"), ((6, 4), None)],
)
def test_what_a_unet_is_shown_beside_the_latent(channels: tuple[int, int], shown: str | None) -> None:
    assert shown_beside_of({"in_channels": channels[0], "out_channels": channels[1]}) == shown


def test_a_listing_without_a_word_on_empty_prompts_is_read_as_diffusers_does(
    resolve: Resolve, tmp_path: Path
) -> None:
    folder = write_tiny_xl(tmp_path / "model", refiner=True)
    index = json.loads((folder / "model_index.json").read_text())
    del index["force_zeros_for_empty_prompt"]
    write_json(folder / "model_index.json", index)
    assert resolve(str(folder)).traits == {"force_zeros_for_empty_prompt": True}


@pytest.mark.parametrize(
    ("source", "parts", "field", "words"),
    [
        ("tiny", {"text_encoder_2": "tiny_xl"}, "text_encoder_2", "no second text encoder"),
        ("tiny", {"tokenizer_2": "tiny_xl"}, "tokenizer_2", "no second tokenizer"),
        ("tiny_refiner", {"text_encoder": "tiny"}, "text_encoder", "second text encoder alone"),
        ("tiny", {"vae": "tiny_xl"}, "vae", "VAE is that of Stable Diffusion XL"),
        ("tiny_xl", {"vae": "tiny"}, "vae", "VAE is that of Stable Diffusion 1.x and 2.x"),
        ("tiny_xl", {"text_encoder_2": "tiny"}, "text_encoder_2", "lacks its `text_encoder_2` folder"),
    ],
)
def test_what_does_not_go_together(
    resolve: Resolve,
    request: pytest.FixtureRequest,
    source: str,
    parts: dict[str, str],
    field: str,
    words: str,
) -> None:
    def folder(name: str) -> str:
        return str(request.getfixturevalue(name))

    with pytest.raises(ModelError, match=words) as caught:
        resolve(
            ModelRequest(
                folder(source), parts={role: PartRequest(folder(name)) for role, name in parts.items()}
            )
        )
    assert caught.value.findings[0].field[0] == field


def test_text_encoders_of_other_widths(resolve: Resolve, tiny_xl: Path) -> None:
    components = dict(resolve(str(tiny_xl)).components)

    def with_config(role: str, **changes: int) -> dict[str, Component]:
        changed = replace(components[role], config={**components[role].config, **changes})
        return {**components, role: changed}

    assert not list(misfits(components))
    cases: list[tuple[dict[str, Component], str]] = [
        (
            with_config("text_encoder", hidden_size=40),
            "takes text of width 80, and the text encoders give 40",
        ),
        (with_config("text_encoder_2", projection_dim=40), "pooled text of width 48, .* gives 40"),
    ]
    for wrong, words in cases:
        (finding,) = misfits(wrong)
        assert finding.problem.code == "SDF308"
        assert re.search(words, finding.problem.message)


def test_sdxl_on_the_hub_is_known_before_the_download(
    hub: Hub, resolve: Resolve, tiny_xl: Path, tiny_refiner: Path
) -> None:
    for name, folder in (("someone/xl", tiny_xl), ("someone/refiner", tiny_refiner)):
        hub.repos[name] = Repo.of_folder(folder)
        here, there = resolve(str(folder)), resolve(name, hub=hub.place)
        assert there.describe(ROLES) == here.describe(ROLES)
        assert (there.family, there.traits) == (here.family, here.traits)
        assert there.components["text_encoder_2"].location.folder is None
        assert there.components["tokenizer_2"].location.folder is not None
    assert not [name for name in hub.downloads() if name.endswith(".safetensors")]


def test_a_snapshot_of_which_only_a_part_is_here_is_listed_anew(
    hub: Hub, resolve: Resolve, tiny_refiner: Path
) -> None:
    """Without the UNet's configuration nobody knows which family it is; the hub does."""
    hub.repos["someone/refiner"] = Repo.of_folder(tiny_refiner)
    snapshot = hub.place.snapshot("someone/refiner", COMMIT)
    shutil.copytree(tiny_refiner / "vae", snapshot / "vae")
    shutil.copy(tiny_refiner / "model_index.json", snapshot)
    ref = snapshot.parents[1] / "refs" / "main"
    ref.parent.mkdir(parents=True)
    ref.write_text(COMMIT)
    model = resolve("someone/refiner", hub=hub.place)
    assert tuple(model.components) == REFINER
