"""Nodes that change pictures and masks, from files to files."""

from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from sdflow.problems import UserError
from tests.nodes.workbench import Nodes, Workbench

RNG = np.random.default_rng(2)
PHOTO = {"photo": {"type": "load-image", "path": "photo.png"}}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    folder = tmp_path_factory.mktemp("pictures")
    for name, mode in (("photo", "RGB"), ("clear", "RGBA")):
        pixels = RNG.integers(0, 256, (24, 40, len(mode)), dtype=np.uint8)
        Pillow.fromarray(pixels).save(folder / f"{name}.png")
    return Workbench(folder)


def made(bench: Workbench, nodes: Nodes, output: str, file: str = "a.png") -> np.ndarray[Any, Any]:
    """The picture that comes out."""
    files = bench.run({**PHOTO, **nodes}, {file: output}).files
    with Pillow.open(files[file]) as picture:
        return np.array(picture)


def photo(bench: Workbench) -> np.ndarray[Any, Any]:
    with Pillow.open(bench.folder / "photo.png") as picture:
        return np.array(picture)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"left": 4, "top": 2, "width": 20, "height": 16}, np.s_[2:18, 4:24]),
        ({"left": 4}, np.s_[:, 4:]),
        ({"width": 20, "height": 16}, np.s_[4:20, 10:30]),
        ({"left": 0.5, "height": 0.5, "unit": "fractions"}, np.s_[6:18, 20:]),
        ({"left": 0.5, "width": 0.5, "unit": "fractions"}, np.s_[:, 20:]),
    ],
)
def test_parts(bench: Workbench, fields: dict[str, Any], part: Any) -> None:
    found = made(bench, {"crop": {"type": "crop-image", "image": "$photo", **fields}}, "$crop")
    assert (found == photo(bench)[part]).all()


def test_a_mask_is_a_grey_picture(bench: Workbench) -> None:
    nodes: Nodes = {
        "mask": {
            "type": "draw-mask",
            "image": "$photo",
            "rectangle": {"left": 0.5, "width": 0.5, "height": 1},
        },
        "shown": {"type": "image-from-mask", "mask": "$mask"},
    }
    shown = made(bench, nodes, "$shown")
    assert (shown[:, 20:] == 255).all()
    assert not shown[:, :20].any()
    assert (made(bench, nodes, "$mask", "mask.png") == shown).all()


def test_a_batch_stays_one(bench: Workbench) -> None:
    nodes: Nodes = {
        "model": {"type": "load-model", "source": "builtin:tiny"},
        "noise": {"type": "init-latent", "model": "$model", "width": 32, "height": 32, "batch": 2},
        "image": {"type": "decode", "model": "$model", "latent": "$noise"},
        "padded": {"type": "pad-image", "image": "$image", "left": 8, "fill": "noise", "seed": [4, 5]},
        "mask": {"type": "adjust-mask", "mask": "$padded.mask", "feather": 2},
        "flat": {"type": "pad-image", "image": "$image", "left": 8, "fill": "edge"},
        "both": {"type": "composite", "background": "$flat", "foreground": "$padded", "mask": "$mask"},
    }
    result = bench.run(nodes, {"{index}.png": "$both"})
    assert sorted(result.files) == ["0.png", "1.png"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "crop-image", "left": 41}, "the part goes from 41 to 40"),
        ({"type": "crop-image"}, "needs left, top, width or height"),
        ({"type": "pad-image"}, "needs left, top, right or bottom"),
        ({"type": "pad-image", "left": 1, "seed": 3}, "seed is for fill: noise"),
        ({"type": "pad-image", "left": 1, "fill": "noise", "seed": [3, 4]}, "2 seeds for a batch of 1"),
        ({"type": "rotate-image", "angle": 90, "background": "red"}, "background has no effect on quarters"),
        ({"type": "adjust-image"}, "needs brightness"),
        ({"type": "blur-image", "kind": "median", "radius": 2.5}, "a median has a whole radius"),
        ({"type": "quantize-image", "palette": ["red", "blue"], "colours": 3}, "there is a palette"),
        ({"type": "quantize-image", "palette": ["redd"]}, "is no colour"),
        ({"type": "mask-from-image", "channel": "alpha"}, "has no alpha channel"),
        ({"type": "mask-from-image", "tolerance": 3}, "tolerance is for a colour"),
        ({"type": "mask-from-image", "channel": "red", "colour": "red"}, "exclude each other"),
        ({"type": "draw-mask"}, "needs a rectangle, an ellipse or a polygon"),
        ({"type": "draw-mask", "polygon": [[0, 0], [1, 1]]}, "three corners"),
        ({"type": "draw-mask", "rectangle": {"width": 1, "height": 1}, "width": 8}, "tells the size already"),
        ({"type": "draw-mask", "rectangle": {"left": 2, "width": 1, "height": 1}}, "covers no pixel"),
    ],
)
def test_what_is_refused_while_planning(bench: Workbench, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        bench.planned({**PHOTO, "changed": {"image": "$photo", **fields}}, {"a.png": "$changed"})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "composite", "background": "$photo", "foreground": "$small", "left": 40}, "lies beside"),
        (
            {"type": "composite", "background": "$photo", "foreground": "$small", "mask": "$mask"},
            "mask is 40×24 and the picture 20×20",
        ),
        ({"type": "set-alpha", "image": "$small", "mask": "$mask"}, "mask is 40×24 and the picture 20×20"),
        ({"type": "fill-masked", "image": "$small", "mask": "$mask"}, "mask is 40×24"),
        (
            {"type": "crop-to-mask", "image": "$small", "mask": "$mask", "width": 8, "height": 8},
            "mask is 40×24",
        ),
        (
            {"type": "paste-region", "background": "$small", "image": "$cut", "region": "$cut.region"},
            "background is 20×20 and the picture that the region was cut from 40×24",
        ),
        ({"type": "adjust-mask", "mask": "$mask"}, "needs threshold, invert, grow or feather"),
        ({"type": "combine-masks", "masks": ["$mask", "$cut.mask"]}, "the masks are 40×24 and 16×16"),
    ],
)
def test_what_does_not_go_together(bench: Workbench, fields: dict[str, Any], words: str) -> None:
    nodes: Nodes = {
        **PHOTO,
        "small": {"type": "resize-image", "image": "$photo", "width": 20, "height": 20},
        "mask": {"type": "draw-mask", "image": "$photo", "ellipse": {"width": 0.5, "height": 0.5}},
        "cut": {"type": "crop-to-mask", "image": "$photo", "mask": "$mask", "width": 16, "height": 16},
        "changed": fields,
    }
    with pytest.raises(UserError, match=words):
        bench.planned(nodes, {"a.png": "$changed"})


def test_batches_of_different_numbers_do_not_go_together(bench: Workbench) -> None:
    model: Nodes = {"model": {"type": "load-model", "source": "builtin:tiny"}}
    for count in (2, 3):
        noise = {"type": "init-latent", "model": "$model", "width": 32, "height": 32, "batch": count}
        model[f"noise-{count}"] = noise
        model[f"image-{count}"] = {"type": "decode", "model": "$model", "latent": f"$noise-{count}"}
    nodes: Nodes = {
        **model,
        "both": {"type": "composite", "background": "$image-2", "foreground": "$image-3"},
    }
    with pytest.raises(UserError, match="foreground has 3 items and another input 2"):
        bench.planned(nodes, {"{index}.png": "$both"})


def test_a_region_is_no_file(bench: Workbench) -> None:
    nodes: Nodes = {
        **PHOTO,
        "mask": {"type": "draw-mask", "image": "$photo", "ellipse": {"width": 0.5, "height": 0.5}},
        "cut": {"type": "crop-to-mask", "image": "$photo", "mask": "$mask", "width": 16, "height": 16},
    }
    with pytest.raises(UserError, match="a Region cannot be written"):
        bench.planned(nodes, {"a.png": "$cut.region"})
