"""What the models on top of toybox do, seen in pictures.

Every bound was measured over the seeds that are drawn here, and leaves room: it fails when the feature breaks.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image
from training.classifier import Judge, judged
from training.family.hints import edges
from training.family.measures import edge_score, gradients, psnr, saturation, sharpness
from training.judging import SHIPPED_JUDGE, read_judge

SEEDS = 4
SCENES = {
    "ufos": "three ufos in the city",
    "rockets": "four rockets by the sea",
    "banana": "a banana among clouds",
    "unicorn": "a purple unicorn on a yellow background",
    "foxes": "four foxes in the city",
    "astronaut-on-a-rocket": "an astronaut riding a rocket on a red background",
}
"""Scenes of 256×256 pixels that nothing was trained on."""
Pictures = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return read_judge(SHIPPED_JUDGE)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(tmp_path_factory.mktemp("family"))


def prompted(model: str, prompt: str, seeds: int = SEEDS, **sample: Any) -> Nodes:
    edits: dict[str, dict[str, Any]] = {
        "text": {"prompt": prompt},
        "noise": {"width": 128, "height": 128, "seed": 0, "batch": seeds},
        "sample": {"sampler": "dpm++-2m", "steps": 12, "guidance": 2.0} | sample,
    }
    return edited(text_to_image(model), edits)


def drawn(bench: Workbench, nodes: Nodes, seeds: int = SEEDS) -> Pictures:
    result = bench.run(nodes, {"{index}.png": "$image"})
    assert not result.failed
    return np.stack([np.asarray(Pillow.open(result.files[f"{index}.png"])) for index in range(seeds)])


def things(judge: Judge, pictures: Pictures) -> list[str]:
    return [seen.objects[0] for seen in judged(judge, pictures)]


def test_the_sketch_lora_takes_the_colours(bench: Workbench) -> None:
    plain = prompted("builtin:toybox", "a castle in a green meadow")
    styled = edited(plain, {"sample": {"model": "$styled"}})
    styled["styled"] = {"type": "apply-lora", "model": "$model", "source": "builtin:toybox-sketch"}
    half = edited(styled, {"styled": {"weight": 0.5}})
    coloured, grey, between = (saturation(drawn(bench, nodes)) for nodes in (plain, styled, half))
    assert coloured > 80
    assert grey < 35
    assert grey < between < coloured


def test_the_negative_embedding_makes_pictures_sharper(bench: Workbench, judge: Judge) -> None:
    plain = prompted("builtin:toybox", "a penguin in the snow")
    told = edited(plain, {"text": {"model": "$taught", "negative": "toybox-negative"}})
    told["taught"] = {"type": "load-embedding", "model": "$model", "source": "builtin:toybox-negative"}
    without, with_it = drawn(bench, plain), drawn(bench, told)
    assert sharpness(with_it) > 1.05 * sharpness(without)
    assert things(judge, with_it).count("penguin") >= 3


def test_edges_steer_the_shapes(bench: Workbench, judge: Judge) -> None:
    """The outline of one picture and the words of another prompt."""
    traced = drawn(bench, prompted("builtin:toybox", "a castle in a green meadow", 1), 1)
    hint = edges(traced)
    Pillow.fromarray(hint[0].astype(np.uint8) * 255).save(bench.folder / "edges.png")
    plain = prompted("builtin:toybox", "a castle in the snow at night")
    steered = edited(plain, {"sample": {"control": [{"model": "$canny", "image": "$edges"}]}})
    steered["canny"] = {"type": "load-controlnet", "source": "builtin:toybox-canny"}
    steered["edges"] = {"type": "load-image", "path": "edges.png"}
    hints = np.repeat(hint, SEEDS, 0)
    without, with_them = drawn(bench, plain), drawn(bench, steered)
    assert edge_score(without, hints) < 0.6
    assert edge_score(with_them, hints) > 0.75
    assert [seen.background for seen in judged(judge, with_them)].count("snow") >= 3


def test_inpainting_follows_the_prompt_inside_the_mask_and_the_picture_outside(
    bench: Workbench, judge: Judge
) -> None:
    """Before anything is composited: the UNet is shown what is around, and paints it again as it is."""
    scene = drawn(bench, prompted("builtin:toybox", "a castle in a green meadow", 1), 1)[0]
    Pillow.fromarray(scene).save(bench.folder / "castle.png")
    hole = np.zeros((128, 128), np.bool_)
    hole[4:124, 28:100] = True
    Pillow.fromarray(hole.astype(np.uint8) * 255).save(bench.folder / "hole.png")
    nodes = prompted("builtin:toybox-inpaint", "a penguin in a green meadow", latent="$start", strength=1.0)
    del nodes["noise"]
    nodes["picture"] = {"type": "load-image", "path": "castle.png"}
    nodes["mask"] = {"type": "load-mask", "path": "hole.png"}
    nodes["start"] = {
        "type": "init-latent-from-image",
        "model": "$model",
        "image": "$picture",
        "mask": "$mask",
        "batch": SEEDS,
    }
    painted = drawn(bench, nodes)
    away = np.abs(painted.astype(float) - scene)
    assert away[:, ~hole].mean() < 12
    assert away[:, hole].mean() > 30
    assert things(judge, painted).count("penguin") >= 3


def test_x4_draws_the_large_picture_better_than_lanczos(bench: Workbench) -> None:
    """From a quarter of the sides of a true scene back to it: nearer to the truth, and edges as sharp as there."""
    true, drawn_larger, resampled = [], [], []
    for name, prompt in SCENES.items():
        with Pillow.open(Path(__file__).parent / "scenes" / f"{name}.png") as scene:
            true.append(np.asarray(scene))
            small = scene.resize((64, 64), Pillow.Resampling.BICUBIC)
        small.save(bench.folder / f"{name}.png")
        nodes = prompted("builtin:toybox-x4", prompt, 1, latent="$start", guidance=1.0, sampler="ddim")
        del nodes["noise"]
        nodes["small"] = {"type": "load-image", "path": f"{name}.png"}
        nodes["start"] = {
            "type": "init-latent-from-small-image",
            "model": "$model",
            "image": "$small",
            "noise-level": 0,
        }
        drawn_larger.append(drawn(bench, nodes, 1)[0])
        resampled.append(np.asarray(small.resize((256, 256), Pillow.Resampling.LANCZOS)))
    truth, ours, lanczos = (np.stack(it) for it in (true, drawn_larger, resampled))
    assert psnr(ours, truth) > psnr(lanczos, truth) + 0.5
    assert gradients(lanczos) < 0.4 * gradients(truth)
    assert 0.6 < gradients(ours) / gradients(truth) < 1.1
