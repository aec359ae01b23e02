"""What prompts, negative prompts, strength and guidance mean, seen in pictures by the judge that measures toybox.

Every bound was measured over the eight seeds that are drawn here, and leaves room: it fails when the feature breaks.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image
from training.classifier import Judge, Seen, judged
from training.judging import SHIPPED_JUDGE, read_judge

SEEDS = 8


@pytest.fixture(scope="module")
def judge() -> Judge:
    return read_judge(SHIPPED_JUDGE)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(tmp_path_factory.mktemp("meaning"))


def prompted(prompt: str, negative: str = "", **sample: Any) -> Nodes:
    edits: dict[str, dict[str, Any]] = {
        "text": {"prompt": prompt, "negative": negative},
        "noise": {"width": 128, "height": 128, "seed": 0, "batch": SEEDS},
        "sample": {"sampler": "pndm", "steps": 20, "guidance": 2.0} | sample,
    }
    return edited(text_to_image("builtin:toybox"), edits)


def drawn(bench: Workbench, nodes: Nodes) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    files = bench.run(nodes, {"{index}.png": "$image"}).files
    return np.stack([np.asarray(Pillow.open(files[f"{index}.png"])) for index in range(SEEDS)])


def seen(bench: Workbench, judge: Judge, nodes: Nodes) -> list[Seen]:
    return judged(judge, drawn(bench, nodes))


@pytest.mark.parametrize(
    ("prompt", "thing", "background"),
    [
        ("a castle in a green meadow", "castle", "meadow"),
        ("a penguin in the snow", "penguin", "snow"),
        ("a burger on a white background", "burger", "white"),
    ],
)
def test_the_prompt_decides_what_is_seen_and_where(
    bench: Workbench, judge: Judge, prompt: str, thing: str, background: str
) -> None:
    found = seen(bench, judge, prompted(prompt))
    assert Counter(it.objects[0] for it in found)[thing] >= 6
    assert Counter(it.background for it in found)[background] >= 6


def test_the_first_word_alone_changes_the_picture(bench: Workbench, judge: Judge) -> None:
    one = Counter(it.objects[0] for it in seen(bench, judge, prompted("a rocket in space")))
    other = Counter(it.objects[0] for it in seen(bench, judge, prompted("a heart in space")))
    assert one["rocket"] >= 6
    assert one["heart"] == other["rocket"] == 0
    assert other["heart"] >= 6


def test_a_negative_prompt_takes_something_away(bench: Workbench, judge: Judge) -> None:
    """Asked for the night and no place, it is mostly a meadow's; told to keep away from meadows, it is another."""
    free = Counter(it.background for it in seen(bench, judge, prompted("a penguin at night")))
    kept_away = Counter(
        it.background for it in seen(bench, judge, prompted("a penguin at night", "in a meadow"))
    )
    assert free["meadow"] >= 4
    assert kept_away["meadow"] <= 1


def test_guidance_up_to_one_leaves_the_negative_prompt_out(bench: Workbench) -> None:
    plain = drawn(bench, prompted("a cat in the snow", guidance=1.0))
    assert np.array_equal(plain, drawn(bench, prompted("a cat in the snow", "snow", guidance=1.0)))
    assert np.array_equal(plain, drawn(bench, prompted("a cat in the snow", "snow", guidance=0.0)))
    assert not np.array_equal(plain, drawn(bench, prompted("a cat in the snow", "snow", guidance=3.0)))


def test_guidance_brings_the_picture_nearer_to_the_prompt(bench: Workbench, judge: Judge) -> None:
    asked = {
        "a burger and an ice cream on a yellow background": {"burger", "ice cream"},
        "a house and a tree in the countryside": {"house", "tree"},
    }

    def right(guidance: float) -> int:
        found = {prompt: seen(bench, judge, prompted(prompt, guidance=guidance)) for prompt in asked}
        return sum(set(it.objects) == things for prompt, things in asked.items() for it in found[prompt])

    assert right(2.0) >= right(1.0) + 4


def test_strength_says_how_much_of_the_layout_stays(bench: Workbench, tmp_path: Path) -> None:
    start = drawn(bench, prompted("a castle in a green meadow"))[0]
    Pillow.fromarray(start).save(tmp_path / "start.png")
    away = []
    for strength in (0.3, 0.6, 1.0):
        nodes = prompted("a castle in the desert", strength=strength)
        nodes["file"] = {"type": "load-image", "path": str(tmp_path / "start.png")}
        nodes["noise"] = {
            "type": "init-latent-from-image",
            "model": "$model",
            "image": "$file",
            "seed": 0,
            "batch": SEEDS,
        }
        away.append(np.abs(drawn(bench, nodes).astype(float) - start).mean())
    assert away[0] < 0.75 * away[1] < 0.75 * 0.9 * away[2]
