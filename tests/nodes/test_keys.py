"""Keys are neither too narrow nor too wide: fields that change results change keys, and edits run what they must."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from sdflow.graph.field_kinds import file_fields, plain_fields
from sdflow.nodes.builtin import default_registry
from sdflow.values import CLEAN, Latent, LatentSpace
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

torch = pytest.importorskip("torch")
PICTURES = {"noise.png": (40, 24, 7), "other.png": (40, 24, 8)}


def everything(model: Path | str) -> Nodes:
    """One recipe with every node type."""
    return {
        **text_to_image(model),
        "file": {"type": "load-image", "path": "noise.png"},
        "edges": {"type": "canny", "image": "$file"},
        "sized": {"type": "resize-image", "image": "$file", "width": 32, "height": 32},
        "start": {"type": "init-latent-from-image", "model": "$model", "image": "$sized", "seed": 3},
        "again": {
            "type": "denoise",
            "model": "$model",
            "conditioning": "$text",
            "latent": "$start",
            "sampler": "ddim",
            "steps": 4,
            "strength": 0.5,
            "guidance": 3.0,
        },
        **conditionings(),
        **latents(),
        "parts": {
            **text_to_image(model)["sample"],
            "conditioning": "$all",
            "sampler": "ddim",
            "steps": 3,
        },
        "upscaler": {"type": "load-model", "source": "builtin:tiny-x4"},
        "small": {
            "type": "init-latent-from-small-image",
            "model": "$upscaler",
            "image": "$sized",
            "seed": 3,
        },
        "small-text": {"type": "encode-prompt", "model": "$upscaler", "prompt": "a fox"},
        "fine": {
            "type": "denoise",
            "model": "$upscaler",
            "conditioning": "$small-text",
            "latent": "$small",
            "sampler": "ddim",
            "steps": 1,
        },
        "editor": {"type": "load-model", "source": "builtin:tiny-edit"},
        "before": {"type": "init-latent-to-edit", "model": "$editor", "image": "$sized", "seed": 3},
        "wish": {"type": "encode-prompt", "model": "$editor", "prompt": "make it snowy"},
        "changed": {
            "type": "denoise",
            "model": "$editor",
            "conditioning": "$wish",
            "latent": "$before",
            "sampler": "ddim",
            "steps": 1,
        },
        "eight": {"type": "upscale-latent", "latent": "$again", "factor": 2.0},
        "doubler": {"type": "load-model", "source": "builtin:tiny-x2"},
        "twice": {
            "type": "init-latent-from-small-latent",
            "model": "$doubler",
            "latent": "$eight",
            "seed": 3,
        },
        "larger-latent": {"type": "upscale-latent", "latent": "$again", "factor": 1.5},
        "way": {"type": "preview", "model": "$model", "of": "$again.trajectory", "every": 1},
        "larger": {"type": "upscale", "image": "$image", "factor": 1.5},
        "sheet": {"type": "grid", "images": ["$image", "$larger"]},
        **masks(),
        **pictures(),
    }


def masks() -> Nodes:
    """Every way to make and to change a mask."""
    return {
        "from-image": {"type": "mask-from-image", "image": "$file"},
        "shape": {
            "type": "draw-mask",
            "image": "$file",
            "ellipse": {"left": 0.2, "width": 0.5, "height": 0.8},
        },
        "drawn": {
            "type": "draw-mask",
            "width": 40,
            "height": 24,
            "rectangle": {"left": 0.25, "top": 0.25, "width": 0.5, "height": 0.5},
        },
        "soft": {"type": "adjust-mask", "mask": "$drawn", "feather": 2.0},
        "square": {"type": "draw-mask", "image": "$sized", "polygon": [[0, 0], [1, 0], [0, 1]]},
        "masks": {"type": "combine-masks", "masks": ["$soft", "$shape"]},
        "mask-shown": {"type": "image-from-mask", "mask": "$masks"},
    }


def pictures() -> Nodes:
    """Every way to change a picture, in a chain for most of them."""
    return {
        "crop": {"type": "crop-image", "image": "$file", "left": 4, "top": 2, "width": 20, "height": 16},
        "padded": {"type": "pad-image", "image": "$crop", "left": 8},
        "flipped": {"type": "flip-image", "image": "$file"},
        "rotated": {"type": "rotate-image", "image": "$crop", "angle": 30},
        "pasted": {"type": "composite", "background": "$file", "foreground": "$flipped", "mask": "$soft"},
        "clear": {"type": "set-alpha", "image": "$file", "mask": "$soft"},
        "filled": {"type": "fill-masked", "image": "$file", "mask": "$soft"},
        "cut": {"type": "crop-to-mask", "image": "$file", "mask": "$soft", "width": 32, "height": 32},
        "back": {
            "type": "paste-region",
            "background": "$file",
            "image": "$cut",
            "region": "$cut.region",
            "mask": "$soft",
        },
        "matched": {"type": "match-colour", "image": "$file", "reference": "$padded"},
        "toned": {"type": "adjust-image", "image": "$file", "brightness": 1.2},
        "blurred": {"type": "blur-image", "image": "$file"},
        "sharp": {"type": "sharpen-image", "image": "$file"},
        "few": {"type": "quantize-image", "image": "$file"},
        "checker": {"type": "load-safety-checker", "source": "builtin:tiny-safety-checker"},
        "checked": {"type": "safety-check", "checker": "$checker", "image": "$file"},
    }


def latents() -> Nodes:
    """Every way to change a latent or a batch, each from the ends of the recipe."""
    return {
        "kept": {"type": "load-latent", "path": "one.safetensors"},
        "part": {"type": "crop-latent", "latent": "$again", "width": 16, "height": 16},
        "mirrored": {"type": "flip-latent", "latent": "$again"},
        "turned": {"type": "rotate-latent", "latent": "$again"},
        "laid": {"type": "composite-latent", "onto": "$again", "over": "$part", "left": 8, "top": 8},
        "blended": {"type": "blend-latents", "first": "$again", "second": "$mirrored"},
        "stack": {"type": "batch-latents", "latents": ["$laid", "$blended", "$turned", "$kept"]},
        "chosen": {"type": "select-latents", "latent": "$stack", "items": [3, 1]},
        "grainy": {"type": "add-noise", "latent": "$chosen", "seed": 3},
        "varied": {"type": "vary-noise", "latent": "$noise", "seed": 3},
        "pictures": {"type": "batch-images", "images": ["$image", "$image"]},
        "some": {"type": "select-images", "image": "$pictures", "items": [1, 0]},
        "film": {"type": "animate", "image": "$some"},
    }


def upscaling(folder: Path) -> Nodes:
    """A picture made larger by a network; skips the test where spandrel is missing."""
    from tests.models.spandrels import esrgan

    torch.save(esrgan(2), folder / "net.pth")
    return {
        "net": {"type": "load-upscaler", "source": "net.pth"},
        "sharper": {"type": "upscale-with-model", "upscaler": "$net", "image": "$sized"},
    }


def conditionings() -> Nodes:
    """Every way to change a conditioning, in a chain that ends in `all`."""
    return {
        "more": {"type": "encode-prompt", "model": "$model", "prompt": "an owl", "negative": "fog"},
        "mask": {"type": "load-mask", "path": "noise.png"},
        "left": {
            "type": "regional-conditioning",
            "conditioning": "$text",
            "area": {"width": 0.5},
            "mask": "$mask",
        },
        "between": {"type": "average-conditioning", "first": "$text", "second": "$more"},
        "longer": {"type": "concat-conditioning", "conditionings": ["$between", "$more"]},
        "beginning": {"type": "limit-conditioning", "conditioning": "$longer", "until": 0.7},
        "unprompted": {"type": "zero-conditioning", "conditioning": "$more"},
        "all": {"type": "combine-conditioning", "conditionings": ["$left", "$beginning", "$unprompted"]},
    }


OUTPUTS = {
    "sheet.png": "$sheet",
    "way-{index}.png": "$way",
    "decoded-{index}.png": "$way.decoded",
    "latent.safetensors": "$larger-latent",
    "parts.safetensors": "$parts",
    "mask.png": "$mask",
    "mask-shown.png": "$mask-shown",
    "back.png": "$back",
    "padded.png": "$padded.mask",
    "matched.png": "$matched",
    "edges.png": "$edges",
    "checked.png": "$checked",
    "fine-{index}.safetensors": "$fine",
    "grainy.safetensors": "$grainy",
    "varied.safetensors": "$varied",
    "some-{index}.png": "$some",
    "changed.safetensors": "$changed",
    "twice.safetensors": "$twice",
}


def write_pictures(folder: Path) -> None:
    """Noise, so that no two ways of resizing it agree; and two latents."""
    from sdflow.diffusion.streams import draw, streams_from_seeds

    folder.mkdir(parents=True, exist_ok=True)
    for name, (width, height, seed) in PICTURES.items():
        rng = random.Random(seed)
        picture = Pillow.new("RGBA", (width, height))
        picture.putdata([tuple(rng.randrange(256) for _ in range(4)) for _ in range(width * height)])
        picture.convert("RGB").save(folder / name)
        picture.save(folder / f"clear-{name}")
    for name, seed in (("one", 1), ("two", 2)):
        samples, streams = draw(streams_from_seeds((seed,)), (4, 4, 4))
        latent = Latent(samples, streams, LatentSpace("sd", 4, 8), CLEAN)
        (folder / f"{name}.safetensors").write_bytes(latent.encode().to_bytes())


# Fields of a node, what to set before, and a new value that changes the result.
Row = tuple[str, dict[str, Any], dict[str, Any]]
MUTATIONS: dict[str, list[Row]] = {
    "encode-prompt": [
        ("text", {}, {"prompt": "a blue owl"}),
        ("text", {}, {"negative": "fog"}),
        ("text", {}, {"clip-skip": 1}),
        ("text", {}, {"prompt-2": "a blue owl"}),
        ("text", {"negative": "fog"}, {"negative-2": "mist"}),
        ("text", {"prompt": "owl " * 80, "long": "truncate"}, {"long": "chunk"}),
        ("text", {"prompt": "a (red:1.5) fox"}, {"weighting": "a1111"}),
    ],
    "combine-conditioning": [],
    "regional-conditioning": [
        ("left", {}, {"area": {"width": 0.25}}),
        ("left", {}, {"strength": 0.5}),
        ("left", {}, {"side": "negative"}),
    ],
    "limit-conditioning": [
        ("beginning", {}, {"from": 0.3}),
        ("beginning", {}, {"until": 0.5}),
        ("beginning", {}, {"start-step": 1}),
        ("beginning", {"until": None, "end-step": 2}, {"end-step": 1}),
        ("beginning", {}, {"side": "both"}),
    ],
    "average-conditioning": [("between", {}, {"weight": 0.3}), ("between", {}, {"side": "positive"})],
    "concat-conditioning": [("longer", {}, {"side": "positive"})],
    "zero-conditioning": [("unprompted", {}, {"side": "positive"})],
    "load-mask": [
        ("mask", {}, {"path": "other.png"}),
        ("mask", {"path": "clear-noise.png"}, {"channel": "alpha"}),
        ("mask", {}, {"invert": True}),
    ],
    "load-image": [
        ("file", {}, {"path": "other.png"}),
        ("file", {"path": "clear-noise.png"}, {"alpha": "drop"}),
    ],
    "resize-image": [
        ("sized", {}, {"width": 40}),
        ("sized", {}, {"height": 40}),
        ("sized", {}, {"fit": "cover"}),
        ("sized", {}, {"filter": "nearest"}),
        ("sized", {"width": 33}, {"multiple-of": 8}),
        ("sized", {"fit": "pad"}, {"background": "red"}),
    ],
    "canny": [
        ("edges", {"high-threshold": 900}, {"low-threshold": 600}),
        ("edges", {}, {"high-threshold": 900}),
    ],
    "estimate-depth": [],
    "encode-image-prompt": [],
    "init-latent": [
        ("noise", {}, {"seed": 2}),
        ("noise", {}, {"width": 40}),
        ("noise", {}, {"height": 40}),
        ("noise", {}, {"batch": 2}),
    ],
    "init-latent-from-image": [
        ("start", {}, {"seed": 4}),
        ("start", {}, {"batch": 2}),
        ("start", {}, {"tiling": True}),
        ("start", {"tiling": True}, {"tile": 256}),
        ("start", {"tiling": True}, {"tile-overlap": 64}),
        ("start", {"mask": "$square"}, {"soft": True}),
    ],
    "init-latent-from-small-image": [
        ("small", {}, {"noise-level": 30}),
        ("small", {}, {"seed": 4}),
        ("small", {}, {"batch": 2}),
    ],
    "init-latent-from-small-latent": [("twice", {}, {"seed": 4})],
    "init-latent-to-edit": [("before", {}, {"seed": 4}), ("before", {}, {"batch": 2})],
    "denoise": [
        ("changed", {}, {"image-guidance": 2.5}),
        ("again", {}, {"freeu": {"b1": 1.2, "b2": 1.4}}),
        ("again", {}, {"pag": {"layers": ["down_blocks.0"]}}),
        ("again", {}, {"sampler": "euler"}),
        ("again", {}, {"steps": 5}),
        ("again", {}, {"guidance": 4.0}),
        ("again", {}, {"rescale": 0.7}),
        ("again", {}, {"eta": 0.5}),
        ("again", {}, {"strength": 0.8}),
        ("again", {"strength": None, "start-step": 1}, {"start-step": 2}),
        ("sample", {"steps": 4}, {"end-step": 3}),
        ("again", {"strength": None, "from": 0.25}, {"from": 0.5}),
        ("again", {"sampler": "euler", "steps": None}, {"timesteps": [900, 700, 400, 100]}),
        ("sample", {"steps": 4}, {"until": 0.5}),
        ("again", {}, {"original-size": {"width": 16, "height": 24}}),
        ("again", {}, {"target-size": {"width": 16, "height": 24}}),
        ("again", {}, {"crop": {"top": 16, "left": 24}}),
        ("again", {}, {"negative-original-size": {"width": 16, "height": 24}}),
        ("again", {}, {"negative-target-size": {"width": 16, "height": 24}}),
        ("again", {}, {"negative-crop": {"top": 16, "left": 24}}),
        ("again", {}, {"aesthetic-score": 9.0}),
        ("again", {}, {"negative-aesthetic-score": 0.5}),
        ("again", {}, {"windows": {"size": 64}}),
        # Slices are computed in another order; on a model this small the bits may or may not move.
        ("again", {}, {"slicing": True}),
        ("again", {}, {"attention-slicing": True}),
    ],
    "decode": [
        ("image", {}, {"tiling": True}),
        ("image", {"tiling": True}, {"tile": 256}),
        ("image", {"tiling": True}, {"tile-overlap": 64}),
        ("image", {}, {"slicing": True}),
    ],
    "preview": [
        ("way", {}, {"every": 2}),
        ("way", {}, {"at": [3]}),
        ("way", {}, {"item": 1}),
    ],
    "upscale": [("larger", {}, {"factor": 2.0}), ("larger", {}, {"filter": "nearest"})],
    "upscale-latent": [("larger-latent", {}, {"factor": 2.0}), ("larger-latent", {}, {"filter": "nearest"})],
    "load-latent": [("kept", {}, {"path": "two.safetensors"})],
    "crop-latent": [
        ("part", {}, {"left": 8}),
        ("part", {}, {"top": 8}),
        ("part", {}, {"width": 24}),
        ("part", {}, {"height": 24}),
    ],
    "flip-latent": [("mirrored", {}, {"axis": "both"})],
    "rotate-latent": [("turned", {}, {"angle": 180})],
    "composite-latent": [
        ("laid", {}, {"left": 16}),
        ("laid", {}, {"top": 16}),
        ("laid", {}, {"feather": 8}),
    ],
    "blend-latents": [("blended", {}, {"weight": 0.2}), ("blended", {}, {"method": "spherical"})],
    "batch-latents": [],
    "select-latents": [("chosen", {}, {"items": [1, 3]})],
    "add-noise": [("grainy", {}, {"seed": 4}), ("grainy", {}, {"strength": 0.3})],
    "vary-noise": [("varied", {}, {"seed": 4}), ("varied", {}, {"strength": 0.3})],
    "batch-images": [],
    "select-images": [("some", {}, {"items": [1, 1, 0]})],
    "animate": [
        ("film", {}, {"fps": 4.0}),
        ("film", {}, {"order": "backwards"}),
        ("film", {}, {"hold": 1.0}),
        ("film", {}, {"loop": 2}),
    ],
    "upscale-with-model": [
        ("sharper", {}, {"tiling": False}),
        ("sharper", {}, {"tile": 64}),
        ("sharper", {}, {"tile-overlap": 16}),
    ],
    "mask-from-image": [
        ("from-image", {}, {"channel": "red"}),
        ("from-image", {}, {"colour": "grey"}),
        ("from-image", {"colour": "grey"}, {"tolerance": 90}),
        ("from-image", {}, {"invert": True}),
    ],
    "draw-mask": [
        ("drawn", {}, {"width": 44}),
        ("drawn", {}, {"height": 28}),
        ("drawn", {}, {"rectangle": {"left": 0.25, "top": 0.25, "width": 0.5, "height": 0.25}}),
        ("drawn", {}, {"ellipse": {"left": 0.1, "top": 0.1, "width": 0.8, "height": 0.8}}),
        ("drawn", {}, {"polygon": [[0, 0], [1, 0], [0, 1]]}),
        ("drawn", {"rectangle": {"width": 1, "height": 1}}, {"unit": "pixels"}),
    ],
    "adjust-mask": [
        ("soft", {"mask": "$from-image"}, {"threshold": 100}),
        ("soft", {}, {"invert": True}),
        ("soft", {}, {"grow": 2}),
        ("soft", {}, {"feather": 3.0}),
    ],
    "combine-masks": [("masks", {}, {"how": "intersection"})],
    "image-from-mask": [],
    "crop-image": [
        ("crop", {}, {"left": 5}),
        ("crop", {}, {"top": 3}),
        ("crop", {}, {"width": 21}),
        ("crop", {}, {"height": 17}),
        ("crop", {"left": 0, "top": 0, "width": 1, "height": 1}, {"unit": "fractions"}),
    ],
    "pad-image": [
        ("padded", {}, {"left": 9}),
        ("padded", {}, {"top": 1}),
        ("padded", {}, {"right": 1}),
        ("padded", {}, {"bottom": 1}),
        ("padded", {}, {"fill": "reflect"}),
        ("padded", {"fill": "colour"}, {"colour": "red"}),
        ("padded", {"fill": "noise"}, {"seed": 1}),
        ("padded", {}, {"overlap": 2}),
        ("padded", {}, {"feather": 2}),
    ],
    "flip-image": [("flipped", {}, {"axis": "vertical"})],
    "rotate-image": [
        ("rotated", {}, {"angle": 31}),
        ("rotated", {}, {"expand": False}),
        ("rotated", {}, {"background": "red"}),
    ],
    "composite": [
        ("pasted", {}, {"left": 1}),
        ("pasted", {}, {"top": 1}),
        ("pasted", {}, {"mode": "multiply"}),
        ("pasted", {}, {"opacity": 0.5}),
    ],
    "set-alpha": [],
    "fill-masked": [
        ("filled", {}, {"fill": "noise"}),
        ("filled", {"fill": "colour"}, {"colour": "red"}),
        ("filled", {"fill": "noise"}, {"seed": 1}),
    ],
    "crop-to-mask": [
        ("cut", {}, {"width": 40}),
        ("cut", {}, {"height": 40}),
        ("cut", {}, {"padding": 1}),
    ],
    "paste-region": [],
    "match-colour": [("matched", {}, {"method": "histogram"}), ("matched", {}, {"strength": 0.5})],
    "adjust-image": [
        ("toned", {}, {"brightness": 1.3}),
        ("toned", {}, {"contrast": 1.3}),
        ("toned", {}, {"saturation": 1.3}),
        ("toned", {}, {"gamma": 1.3}),
        ("toned", {}, {"invert": True}),
    ],
    "blur-image": [("blurred", {}, {"radius": 3}), ("blurred", {}, {"kind": "box"})],
    "sharpen-image": [
        ("sharp", {}, {"radius": 3}),
        ("sharp", {}, {"amount": 1.0}),
        ("sharp", {}, {"threshold": 40}),
    ],
    "quantize-image": [
        ("few", {}, {"colours": 4}),
        ("few", {}, {"palette": ["black", "white"]}),
        ("few", {}, {"method": "octree"}),
        ("few", {}, {"dither": False}),
    ],
    "safety-check": [("checked", {}, {"action": "blur"})],
    "grid": [
        ("sheet", {}, {"columns": 1}),
        ("sheet", {}, {"rows": 2}),
        ("sheet", {}, {"labels": ["one", "two"]}),
        ("sheet", {"labels": ["one", "two"]}, {"label-side": "above"}),
        ("sheet", {"columns": 2}, {"row-labels": ["row"]}),
        ("sheet", {"columns": 2}, {"column-labels": ["left", "right"]}),
        ("sheet", {}, {"title": "title"}),
        ("sheet", {"cell-width": 40, "cell-height": 40}, {"cell-width": 44}),
        ("sheet", {"cell-width": 40, "cell-height": 40}, {"cell-height": 44}),
        ("sheet", {}, {"gap": 30}),
        ("sheet", {"title": "title"}, {"text-size": 20}),
        ("sheet", {}, {"background": "black"}),
    ],
}
ON_XL = {
    "prompt-2",
    "negative-2",
    "original-size",
    "target-size",
    "crop",
    "negative-original-size",
    "negative-target-size",
    "negative-crop",
}
"""Fields that need an SDXL model."""
ON_REFINER = {"aesthetic-score", "negative-aesthetic-score"}
"""Fields that need its refiner."""
SAME_RESULT = {
    ("again", "slicing"),
    ("again", "attention-slicing"),
    ("again", "windows"),
    *((name, field) for name in ("image", "start") for field in ("tiling", "tile", "tile-overlap")),
    ("image", "slicing"),
    ("way", "item"),
    *(("sharper", field) for field in ("tiling", "tile", "tile-overlap")),
    ("padded", "overlap"),
    ("padded", "feather"),
    ("film", "order"),
}
"""Fields whose effect does not show at these sizes, or on another output; their keys change all the same."""

ROWS = [
    pytest.param(kind, *row, id=f"{kind}-{next(iter(row[2]))}")
    for kind, rows in MUTATIONS.items()
    for row in rows
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    folder = tmp_path_factory.mktemp("keys")
    write_pictures(folder)
    return Workbench(folder)


ELSEWHERE = {"detect-pose": "test_pose", "watermark": "test_watermark"}
"""Types that need what is not always there; a test of their own changes their fields and looks at the key."""


def test_the_table_names_every_field_of_every_node_type() -> None:
    for node_type in default_registry():
        if not node_type.stored or node_type.name in ELSEWHERE:
            continue
        fields = {*plain_fields(node_type), *(name for name, _ in file_fields(node_type))}
        named = {field.replace("-", "_") for _, _, change in MUTATIONS[node_type.name] for field in change}
        assert {field.rstrip("_") for field in fields} == named, node_type.name


@pytest.mark.parametrize(("kind", "name", "before", "change"), ROWS)
def test_a_field_that_changes_the_result_changes_the_key(
    bench: Workbench,
    request: pytest.FixtureRequest,
    kind: str,
    name: str,
    before: dict[str, Any],
    change: dict[str, Any],
) -> None:
    model = "tiny_xl" if ON_XL & change.keys() else "tiny_refiner" if ON_REFINER & change.keys() else "tiny"
    whole = everything(request.getfixturevalue(model))
    if kind == "upscale-with-model":
        whole |= upscaling(bench.folder)
    nodes = edited(whole, {name: before})
    if kind == "preview" and "item" in change:
        nodes = edited(nodes, {"start": {"batch": 2}})
    nodes = feeding(nodes, name)
    port, value = next(iter(bench.session.registry.get(kind).outputs.items()))  # type: ignore[union-attr]  # is there
    file = {"Image": "{index}.png", "Mask": "{index}.png", "Animation": "film.gif"}.get(
        value, "tensors.safetensors"
    )
    keys, values = [], []
    for fields in ({}, change):
        made = edited(nodes, {name: fields})
        result = bench.run(made, {file: f"${name}"})
        plan = result.prepared.plan
        keys.append(plan.keys[plan.graph.names["", name]].key)
        values.append(bench.bytes_of(result, name, port))
    assert keys[0] != keys[1]
    if (name, next(iter(change))) not in SAME_RESULT:
        assert values[0] != values[1]


def feeding(nodes: Nodes, name: str) -> Nodes:
    """A node and all that feeds it."""
    wanted, stack = set(), [name]
    while stack:
        found = stack.pop()
        wanted.add(found)
        for value in nodes[found].values():
            items = value if isinstance(value, list) else [value]
            stack += [
                item[1:].partition(".")[0] for item in items if isinstance(item, str) and item.startswith("$")
            ]
    return {found: fields for found, fields in nodes.items() if found in wanted}


CHANGES: list[tuple[str, str, list[Any]]] = [
    ("text", "prompt", ["a red fox", "an owl", "two boats"]),
    ("text", "negative", ["", "fog"]),
    ("text", "clip-skip", [0, 1]),
    ("noise", "seed", [1, 2, 3]),
    ("noise", "width", [32, 40]),
    ("sample", "steps", [1, 2]),
    ("sample", "guidance", [1.0, 3.0]),
    ("sample", "sampler", ["euler", "ddim", "pndm"]),
    ("again", "strength", [0.5, 0.75]),
    ("again", "eta", [0.0, 0.5]),
    ("file", "path", ["noise.png", "other.png"]),
    ("sized", "filter", ["bicubic", "nearest"]),
    ("sized", "fit", ["stretch", "cover"]),
    ("start", "seed", [3, 4]),
    ("way", "every", [1, 2]),
    ("larger", "factor", [1.5, 2.0]),
    ("larger-latent", "factor", [1.5, 2.0]),
    ("left", "strength", [1.0, 2.0]),
    ("left", "area", [{"width": 0.5}, {"left": 0.25}]),
    ("beginning", "until", [0.4, 0.7]),
    ("between", "weight", [0.0, 0.5]),
    ("unprompted", "side", ["positive", "negative"]),
    ("mask", "invert", [True, False]),
    ("sheet", "columns", [1, 2]),
    ("sheet", "title", ["", "sheet"]),
    ("image", "slicing", [True, False]),
    ("kept", "path", ["one.safetensors", "two.safetensors"]),
    ("part", "left", [0, 8]),
    ("laid", "feather", [0, 8]),
    ("blended", "weight", [0.2, 0.5]),
    ("chosen", "items", [[3, 1], [0]]),
    ("varied", "strength", [0.1, 0.3]),
    ("soft", "feather", [2.0, 0.0]),
    ("drawn", "ellipse", [None, {"width": 1.0, "height": 1.0}]),
    ("cut", "padding", [2, 9]),
    ("padded", "overlap", [0, 2]),
    ("crop", "left", [4, 6]),
]


def test_over_two_hundred_edits_what_runs_is_what_was_planned_and_the_rest_stays_right(
    tiny: Path, tmp_path: Path
) -> None:
    rng = random.Random(11)
    write_pictures(tmp_path)
    bench = Workbench(tmp_path)
    nodes = everything(tiny)
    checked = 0
    for number in range(200):
        name, field, values = rng.choice(CHANGES)
        nodes = edited(nodes, {name: {field: rng.choice(values)}})
        outputs = dict(rng.sample(sorted(OUTPUTS.items()), k=rng.randrange(1, len(OUTPUTS) + 1)))
        planned = bench.planned(nodes, outputs)
        result = bench.run(nodes, outputs)
        assert bench.ran() == planned, number
        if number % 20 == 19:
            checked += kept_values_are_right(
                bench, nodes, outputs, result_names(result), tmp_path / str(number)
            )
    assert checked > 30


def result_names(result: Any) -> set[str]:
    return {node.item.name for node in result.prepared.plan.nodes.values() if node.status == "cached"}


def kept_values_are_right(
    bench: Workbench, nodes: Nodes, outputs: Mapping[str, str], cached: set[str], folder: Path
) -> int:
    """Compute everything again in an empty store: what was kept must have the same bytes."""
    write_pictures(folder)
    fresh = Workbench(folder)
    new = fresh.run(nodes, outputs)
    old = bench.run(nodes, outputs)
    for name in cached:
        number = new.prepared.graph.names["", name]
        for port, kind in new.prepared.graph.nodes[number].node.outputs.items():
            if kind != "Trajectory":
                assert bench.bytes_of(old, name, port) == fresh.bytes_of(new, name, port), name
    return len(cached)
