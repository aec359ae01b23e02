"""Pictures as prompts: to the bit what diffusers makes of the same IP-Adapters, and no trace of it afterwards."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from sdflow.engine.events import ModelMoved
from sdflow.models.load import load_component
from sdflow.models.request import ComponentRequest, PartRequest
from sdflow.models.tiny_ip_adapter import Kind, ip_adapter_tensors, write_image_encoder
from sdflow.problems import UserError
from tests.models.lora import as_peft, random_factors, write
from tests.nodes.test_lora import drawn, keys, latent_of, own_modules, own_pipeline
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

EULER = "EulerDiscreteScheduler"
KINDS: dict[Kind, int] = {"plain": 0, "plus": 1, "full": 2}


def draw(path: Path, seed: int, size: tuple[int, int]) -> None:
    """Noise with a large shape in it, of sides that are to be cut and resized."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3))
    noise[size[1] // 3 :, : size[0] // 2] = (30 * seed, 250 - 40 * seed, 90)
    Pillow.fromarray(noise.astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, tiny: Path, tiny_xl: Path) -> Workbench:
    from safetensors.torch import save_file

    made = Workbench(tmp_path_factory.mktemp("image-prompt"))
    for number, size in enumerate(((48, 40), (37, 64), (32, 32))):
        draw(made.folder / f"{number}.png", number, size)
    for name, split in (("left", 12), ("right", 20)):
        mask = np.zeros((32, 32), np.uint8)
        mask[:, :split] = 255
        Pillow.fromarray(mask if name == "left" else 255 - mask).save(made.folder / f"{name}.png")
    for name, model in (("sd", tiny), ("xl", tiny_xl)):
        folder = made.folder / name
        write_image_encoder(folder / "image_encoder")
        for kind in KINDS:
            save_file(ip_adapter_tensors(unet_config(model), kind), folder / f"{kind}.safetensors")
    return made


def unet_config(model: Path) -> dict[str, Any]:
    import json

    config: dict[str, Any] = json.loads((model / "unet" / "config.json").read_text())
    return config


def prompted(model: Path | str, *shown: Mapping[str, Any], family: str = "sd") -> Nodes:
    """Text to image with pictures: each is the fields of an item of `image-prompt`, `kind` and `pictures`."""
    nodes: Nodes = {
        **text_to_image(model),
        **{f"picture-{number}": {"type": "load-image", "path": f"{number}.png"} for number in range(3)},
        **{name: {"type": "load-mask", "path": f"{name}.png"} for name in ("left", "right")},
    }
    items = []
    for number, fields in enumerate(shown):
        kind, pictures = fields["kind"], fields.get("pictures", (0,))
        nodes[f"adapter-{number}"] = {
            "type": "load-ip-adapter",
            "source": f"./{family}",
            "file": f"{kind}.safetensors",
        }
        nodes[f"encoded-{number}"] = {
            "type": "encode-image-prompt",
            "adapter": f"$adapter-{number}",
            "images": [f"$picture-{picture}" for picture in pictures],
        }
        more = {name: value for name, value in fields.items() if name not in {"kind", "pictures"}}
        items.append({"adapter": f"$adapter-{number}", "image": f"$encoded-{number}", **more})
    return edited(nodes, {"sample": {"image-prompt": items}}) if items else nodes


def with_adapters(
    bench: Workbench, pipeline: Any, kinds: Sequence[Kind], scale: Any, family: str = "sd"
) -> Any:
    """A pipeline as its users make it of state dicts, with the image encoder that sdflow loads."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    place = PartRequest(f"./{family}/image_encoder")
    encoder = bench.session.describer.component(ComponentRequest("image_encoder", place), bench.folder)
    pipeline.register_modules(
        image_encoder=load_component(encoder, "cpu")[0],
        feature_extractor=CLIPImageProcessorPil(size=32, crop_size=32),
    )
    dicts = []
    for kind in kinds:
        halves: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
        for name, tensor in ip_adapter_tensors(dict(pipeline.unet.config), kind).items():
            half, _, rest = name.partition(".")
            halves[half][rest] = tensor
        dicts.append(halves)
    pipeline.load_ip_adapter(dicts, subfolder="", weight_name=[""] * len(dicts), image_encoder_folder=None)
    pipeline.set_ip_adapter_scale(scale)
    return pipeline


def picture(bench: Workbench, number: int) -> Pillow.Image:
    return Pillow.open(bench.folder / f"{number}.png").convert("RGB")


def masks(bench: Workbench, *names: str) -> list[torch.Tensor]:
    from diffusers.image_processor import IPAdapterMaskProcessor

    made = [Pillow.open(bench.folder / f"{name}.png") for name in names]
    return [it[None] for it in IPAdapterMaskProcessor().preprocess(made, height=32, width=32)]


# What a recipe says, which adapters and scales the pipeline has, which pictures it is given, and names of masks.
Case = tuple[list[dict[str, Any]], list[Kind], Any, list[Any], list[str]]
CASES: dict[str, Case] = {
    "plain": ([{"kind": "plain", "weight": 0.6}], ["plain"], 0.6, [0], []),
    "plus": ([{"kind": "plus"}], ["plus"], 1.0, [0], []),
    "full-face": ([{"kind": "full", "weight": 0.8, "pictures": (1,)}], ["full"], 0.8, [1], []),
    "two adapters": (
        [{"kind": "plain", "weight": 0.5}, {"kind": "plus", "weight": 0.7, "pictures": (1,)}],
        ["plain", "plus"],
        [0.5, 0.7],
        [0, 1],
        [],
    ),
    "several pictures": (
        [{"kind": "plus", "weight": 0.7, "pictures": (0, 1, 2)}],
        ["plus"],
        0.7,
        [[0, 1, 2]],
        [],
    ),
    "masks": (
        [
            {"kind": "plain", "weight": 0.9, "mask": "$left"},
            {"kind": "plus", "weight": 0.7, "mask": "$right", "pictures": (1,)},
        ],
        ["plain", "plus"],
        [0.9, 0.7],
        [0, 1],
        ["left", "right"],
    ),
    "one adapter twice": (
        [
            {"kind": "plain", "mask": "$left"},
            {"kind": "plain", "mask": "$right", "pictures": (1,)},
        ],
        ["plain", "plain"],
        [1.0, 1.0],
        [0, 1],
        ["left", "right"],
    ),
    "blocks": (
        [{"kind": "plain", "blocks": {"up_blocks.1.attentions.0": 1.0, "down_blocks.0": 0.5}, "weight": 0.8}],
        ["plain"],
        {"up": {"block_1": [0.8, 0.0]}, "down": {"block_0": [0.4]}},
        [0],
        [],
    ),
}


def given_to(bench: Workbench, pictures: list[Any], names: list[str]) -> dict[str, Any]:
    """What a user of the pipeline writes for pictures and masks."""
    shown = [
        [picture(bench, it) for it in item] if isinstance(item, list) else picture(bench, item)
        for item in pictures
    ]
    given: dict[str, Any] = {"ip_adapter_image": shown}
    if names:
        given["cross_attention_kwargs"] = {"ip_adapter_masks": masks(bench, *names)}
    return given


@pytest.mark.parametrize("name", CASES)
def test_equal_to_the_pipeline(bench: Workbench, tiny: Path, name: str) -> None:
    shown, kinds, scale, pictures, names = CASES[name]
    ours = drawn(bench, prompted(tiny, *shown))
    pipeline = with_adapters(bench, own_pipeline(bench, tiny, EULER), kinds, scale)
    theirs = latent_of(pipeline, **given_to(bench, pictures, names))
    assert torch.equal(ours, theirs)
    without = drawn(bench, text_to_image(tiny))
    assert (ours - without).abs().mean() > 0.02, "the pictures are hardly felt"


def test_without_guidance_and_for_a_batch(bench: Workbench, tiny: Path) -> None:
    pipeline = with_adapters(bench, own_pipeline(bench, tiny, EULER), ["plus"], 0.7)
    nodes = prompted(tiny, {"kind": "plus", "weight": 0.7})
    alone = edited(nodes, {"sample": {"guidance": 1.0}})
    given = given_to(bench, [0], [])
    assert torch.equal(drawn(bench, alone), latent_of(pipeline, guidance_scale=1.0, **given))
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    batch = latent_of(pipeline, num_images_per_prompt=2, generator=seeds, **given)
    assert torch.equal(drawn(bench, edited(nodes, {"noise": {"batch": 2}})), batch)


def test_sdxl_equal_to_the_pipeline(bench: Workbench, tiny_xl: Path) -> None:
    pipeline = with_adapters(bench, own_pipeline(bench, tiny_xl, EULER), ["plus"], 0.7, "xl")
    given = given_to(bench, [0], [])
    ours = drawn(bench, prompted(tiny_xl, {"kind": "plus", "weight": 0.7}, family="xl"))
    assert torch.equal(ours, latent_of(pipeline, **given))
    style = prompted(tiny_xl, {"kind": "plus", "weight": 0.7, "blocks": "style"}, family="xl")
    pipeline.set_ip_adapter_scale({"up": {"block_0": [0.0, 0.7]}})
    theirs = latent_of(pipeline, **given)
    assert torch.equal(drawn(bench, style), theirs)
    assert not torch.equal(theirs, ours)


def test_image_to_image_equal_to_the_pipeline(bench: Workbench, tiny: Path) -> None:
    import diffusers

    made = with_adapters(bench, own_pipeline(bench, tiny, EULER), ["plain"], 0.6)
    pipeline = diffusers.StableDiffusionImg2ImgPipeline(**made.components, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    nodes = prompted(tiny, {"kind": "plain", "weight": 0.6})
    nodes["start"] = {"type": "init-latent-from-image", "model": "$model", "image": "$picture-2", "seed": 1}
    nodes = edited(nodes, {"sample": {"latent": "$start", "strength": 0.7, "steps": 4}})
    theirs = pipeline(
        prompt="a red fox",
        image=picture(bench, 2),
        strength=0.7,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(1),
        output_type="latent",
        **given_to(bench, [0], []),
    ).images
    assert torch.equal(drawn(bench, nodes), theirs)


def test_steps_in_which_it_counts(bench: Workbench, tiny: Path) -> None:
    pipeline = with_adapters(bench, own_pipeline(bench, tiny, EULER), ["plain"], 0.0)

    def at_end(made: Any, step: int, _timestep: Any, kept: dict[str, Any]) -> dict[str, Any]:
        made.set_ip_adapter_scale(0.9 if step + 1 in {1, 2} else 0.0)
        return kept

    given = {"num_inference_steps": 4, "callback_on_step_end": at_end, **given_to(bench, [0], [])}
    nodes = prompted(tiny, {"kind": "plain", "weight": 0.9, "from": 0.25, "until": 0.75})
    assert torch.equal(drawn(bench, edited(nodes, {"sample": {"steps": 4}})), latent_of(pipeline, **given))


def test_with_a_lora_and_with_slices(bench: Workbench, tiny: Path) -> None:
    """Both at once are what the pipeline makes of both, and neither leaves a trace on the UNet."""
    tensors = as_peft(random_factors({"unet": own_modules(bench, tiny)["unet"]}, seed=2))
    write(bench.folder / "lora.safetensors", tensors)
    nodes = prompted(tiny, {"kind": "plain", "weight": 0.6})
    before = drawn(bench, text_to_image(tiny))
    nodes["lora"] = {"type": "apply-lora", "model": "$model", "source": "./lora.safetensors"}
    nodes = edited(nodes, {"sample": {"model": "$lora"}, "text": {"model": "$lora"}})
    pipeline = with_adapters(bench, own_pipeline(bench, tiny, EULER, one=(tensors, 1.0)), ["plain"], 0.6)
    given = given_to(bench, [0], [])
    assert torch.equal(drawn(bench, nodes), latent_of(pipeline, **given))
    sliced = drawn(bench, edited(nodes, {"sample": {"attention-slicing": True}}))
    # Errors are in proportion to the largest values, of which sums are made, and which kernel a CPU chooses for them.
    whole = latent_of(pipeline, **given)
    assert float((sliced - whole).abs().max()) <= 5e-6 * float(whole.abs().max())
    single = drawn(bench, edited(nodes, {"sample": {"slicing": True}}))
    assert float((single - whole).abs().max()) <= 5e-6 * float(whole.abs().max())
    fresh = Workbench(bench.folder / "fresh")
    assert torch.equal(drawn(fresh, text_to_image(tiny)), before)


def test_the_unet_is_left_as_it_was_also_when_the_run_is_interrupted(bench: Workbench, tiny: Path) -> None:
    from sdflow.diffusion.denoise import denoise
    from sdflow.diffusion.image_prompt import PicturePrompt, PicturePrompts
    from sdflow.values import ImagePrompt
    from tests.diffusion.conftest import load
    from tests.diffusion.reference import request

    place = PartRequest("./sd", file="plain.safetensors")
    part = bench.session.describer.component(ComponentRequest("ip_adapter", place), bench.folder)
    modules = load(tiny)
    unet = modules.unet
    pictures = ImagePrompt(torch.randn(1, 24), torch.zeros(1, 24))
    prompt = PicturePrompt(adapter=load_component(part, "cpu")[0], pictures=pictures, weight=0.8)
    before, names = dict(unet.attn_processors), [name for name, _ in unet.named_modules()]

    def stop(_done: int, _total: int) -> None:
        assert unet.attn_processors != before
        raise KeyboardInterrupt

    for sliced in (False, True):
        aids = [PicturePrompts([prompt], batch=2, height=64, width=64)]
        wanted = request(modules, None, attention_slicing=sliced)
        with pytest.raises(KeyboardInterrupt):
            denoise(wanted, unet=unet, aids=aids, on_step=stop)
        assert unet.attn_processors == before
        assert all(unet.attn_processors[name] is it for name, it in before.items())
        assert [name for name, _ in unet.named_modules()] == names
        assert unet.encoder_hid_proj is None


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "weight": ({}, {"weight": 0.5}),
    "mask": ({}, {"mask": "$left"}),
    "another mask": ({"mask": "$left"}, {"mask": "$right"}),
    "blocks": ({}, {"blocks": {"up_blocks.1": 1.0}}),
    "factors of blocks": ({"blocks": {"up_blocks.1": 1.0}}, {"blocks": {"up_blocks.1": 0.5}}),
    "from": ({}, {"from": 0.5}),
    "until": ({}, {"until": 0.5}),
    "kind": ({}, {"kind": "plus"}),
    "pictures": ({}, {"pictures": (1,)}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_the_result_changes_the_key(bench: Workbench, tiny: Path, name: str) -> None:
    before, change = CHANGES[name]
    both = [prompted(tiny, {"kind": "plain", **before, **more}) for more in ({}, change)]
    assert keys(bench, both[0])["sample"] != keys(bench, both[1])["sample"]
    assert not torch.equal(drawn(bench, both[0]), drawn(bench, both[1]))


def test_weight_0_is_no_picture_at_all(bench: Workbench, tiny: Path) -> None:
    nothing = prompted(tiny, {"kind": "plain", "weight": 0.0})
    assert keys(bench, nothing)["sample"] == keys(bench, text_to_image(tiny))["sample"]
    one = prompted(tiny, {"kind": "plain", "weight": 0.0}, {"kind": "plus"})
    plus = prompted(tiny, {"kind": "plus"})
    assert keys(bench, one)["sample"] == keys(bench, plus)["sample"]


def test_what_runs_again(bench: Workbench, tiny: Path, tmp_path: Path) -> None:
    """Another weight runs the denoise alone, another adapter of the kind shares what was encoded."""
    from safetensors.torch import save_file

    own = Workbench(bench.folder, cache=tmp_path / "cache")
    nodes = prompted(tiny, {"kind": "plus", "weight": 0.5})
    drawn(own, nodes)
    moved = [event for event in own.events if isinstance(event, ModelMoved) and event.action == "loaded"]
    assert sorted(event.component for event in moved) == [
        "image_encoder",
        "ip_adapter",
        "text_encoder",
        "tokenizer",
        "unet",
    ]
    drawn(own, prompted(tiny, {"kind": "plus", "weight": 0.6}))
    assert own.ran() == {"sample"}
    save_file(
        ip_adapter_tensors(unet_config(tiny), "plus", seed=9), bench.folder / "sd" / "other.safetensors"
    )
    drawn(own, prompted(tiny, {"kind": "other", "weight": 0.6}))
    assert own.ran() == {"sample"}
    drawn(own, prompted(tiny, {"kind": "other", "weight": 0.6, "pictures": (1,)}))
    assert own.ran() == {"picture-1", "encoded-0", "sample"}


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "an adapter of another family": ({"adapter-0": {"source": "./xl"}}, "SDF359", "cross-attentions"),
    "another precision": ({"adapter-0": {"dtype": "bfloat16"}}, "SDF359", "float32"),
    "an image encoder of another size": (
        {"adapter-0": {"image-encoder": "./wide"}},
        "SDF359",
        "32 wide",
    ),
    "no image encoder": ({"adapter-0": {"image-encoder": "./nowhere"}}, "SDF302", "nowhere"),
    "pictures that were encoded for another one": (
        {"encoded-0": {"adapter": "$plain"}},
        "SDF431",
        "encoded as whole",
    ),
    "style of SD 1.x": ({"blocks": "style"}, "SDF211", "SDXL alone"),
    "blocks that are not there": ({"blocks": {"up_blocks.9": 1.0}}, "SDF211", "up_blocks.9"),
    "blocks without a factor": ({"blocks": {"up_blocks.1": 0.0}}, "SDF214", "no block"),
    "a mask of other proportions": ({"mask": "$tall"}, "SDF211", "64×32"),
    "a mask with windows": (
        {"mask": "$left", "sample": {"windows": {}}},
        "SDF446",
        "windows",
    ),
    "no steps": ({"from": 0.6, "until": 0.5}, "SDF211", "later"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_while_planning(bench: Workbench, tiny: Path, name: str) -> None:
    change, code, words = REFUSED[name]
    write_image_encoder(bench.folder / "wide", width=48)
    Pillow.new("L", (64, 32), 255).save(bench.folder / "tall.png")
    of_nodes = {
        name: fields for name, fields in change.items() if name in {"adapter-0", "encoded-0", "sample"}
    }
    item = {name: value for name, value in change.items() if name not in of_nodes}
    nodes = prompted(tiny, {"kind": "plus", **item})
    nodes["plain"] = {"type": "load-ip-adapter", "source": "./sd", "file": "plain.safetensors"}
    nodes["tall"] = {"type": "load-mask", "path": "tall.png"}
    nodes = edited(nodes, of_nodes)
    with pytest.raises(UserError) as caught:
        keys(bench, nodes)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert words in problem.message


def test_a_mistake_is_shown_where_it_stands_also_behind_pictures_that_do_not_count(
    bench: Workbench, tiny: Path
) -> None:
    wrong = {"kind": "plain", "from": 0.5, "until": 0.5}
    nodes = prompted(tiny, {"kind": "plain", "weight": 0}, {"kind": "plus", "weight": 0.0}, wrong)
    with pytest.raises(UserError) as caught:
        keys(bench, nodes)
    (problem,) = caught.value.problems
    lines = (bench.folder / "recipe.yaml").read_text().splitlines()
    assert problem.position is not None
    assert problem.position.line == next(n for n, line in enumerate(lines, 1) if "from: 0.5" in line)
