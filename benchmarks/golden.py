"""How far pictures move with the numerics class, and how far with a mistake: what the tolerances of goldens stand on.

    python -m benchmarks.golden [--quick]

Toybox draws what docs/toybox.md says that it can, from two seeds, with samplers that draw nothing by lot: in float32,
in bfloat16 and in float16; and, in float32, from the next seed, with another sampler, with one step less, and with
one tensor of the UNet scaled by 1.1, in its middle and at its end. Each is compared with the float32 picture by PSNR
and SSIM.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.figures import Figure, report
from benchmarks.recipes import text_to_image
from sdflow.composing import compose_file
from sdflow.pictures.likeness import psnr, ssim
from sdflow.recipe import Changes
from sdflow.values import Image
from sdflow.workflow import Session, Settings

if TYPE_CHECKING:
    from sdflow.composition import Json

PROMPTS = (
    "a penguin riding a bicycle on a beach",
    "a castle in the snow",
    "a penguin in the snow",
    "a blue dog",
    "three apples on a white background",
    "a rocket next to a robot in space",
    "a giant mushroom in a forest at night",
    "a sailboat at sunset",
)
SAMPLERS = ("ddim", "dpm++-2m")
TENSORS = ("mid_block.resnets.0.conv1.weight", "conv_out.weight")
CLASSES = ("bfloat16", "float16")
Edits = Mapping[str, Mapping[str, Any]]


def variants(sampler: str, steps: int, seed: int, scaled: Mapping[str, Path]) -> dict[str, Edits]:
    """What is changed for each comparison, by node."""
    other = next(name for name in SAMPLERS if name != sampler)
    return {
        **{name: {"model": {"dtype": name}} for name in CLASSES},
        "next seed": {"noise": {"seed": seed + 1}},
        "another sampler": {"sample": {"sampler": other}},
        "one step less": {"sample": {"steps": steps - 1}},
        **{f"{tensor} × 1.1": {"model": {"source": str(folder)}} for tensor, folder in scaled.items()},
    }


def with_scaled_tensor(folder: Path, tensor: str) -> Path:
    """Toybox with a tensor of its UNet scaled by 1.1."""
    import shutil

    from safetensors.torch import load_file, save_file

    from sdflow.models.builtin import builtin_folder

    shutil.copytree(builtin_folder("toybox", Path()), folder)
    (weights,) = (folder / "unet").glob("*.safetensors")
    tensors = load_file(weights)
    tensors[tensor] = tensors[tensor] * 1.1
    save_file(tensors, weights)
    return folder


def drawn(session: Session, folder: Path, recipe: Mapping[str, Any]) -> Any:
    """uint8[height, width, 3], the picture of a recipe."""
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(dict(recipe), sort_keys=False), encoding="utf-8")
    result = session.run(compose_file(path, Changes(), session.registry))
    assert not result.failed
    plan = result.prepared.plan
    (output,) = plan.outputs
    value = session.results.value(plan.keys[output.wire.node].key, output.wire.port)
    assert isinstance(value, Image)
    return value.pixels[0]


def compared(
    session: Session, folder: Path, scaled: Mapping[str, Path], *, quick: bool
) -> Iterator[tuple[str, float, float]]:
    """Variant, PSNR and SSIM against float32, for each prompt, seed and sampler."""
    steps, side = (2, 32) if quick else (25, 128)
    for prompt in PROMPTS[:1] if quick else PROMPTS:
        for seed in (7,) if quick else (7, 42):
            for sampler in SAMPLERS[:1] if quick else SAMPLERS:
                recipe = text_to_image("builtin:toybox", side, steps, prompt, seed)
                recipe["nodes"]["sample"] |= {"sampler": sampler, "guidance": 2.0}
                recipe["nodes"]["model"]["dtype"] = "float32"
                reference = drawn(session, folder, recipe)
                for name, edits in variants(sampler, steps, seed, scaled).items():
                    nodes = {
                        node: {**fields, **edits.get(node, {})} for node, fields in recipe["nodes"].items()
                    }
                    nodes["noise"]["seed"] = edits.get("noise", {}).get("seed", seed)
                    other = drawn(session, folder, {**recipe, "nodes": nodes})
                    yield name, psnr(reference, other), ssim(reference, other)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small picture each; writes no results")
    quick = parser.parse_args(arguments).quick
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="sdflow-benchmark-") as name:
        folder = Path(name)
        scaled = {
            tensor: with_scaled_tensor(folder / tensor, tensor) for tensor in TENSORS[: 1 if quick else 2]
        }
        settings = Settings(device="cpu", cache=folder / "cache")
        with Session(settings).closing() as session:
            for variant, *likeness in compared(session, folder, scaled, quick=quick):
                found.setdefault(variant, []).append((likeness[0], likeness[1]))
    data: dict[str, Json] = {
        variant: {
            what: {
                "worst": round(min(each), 3),
                "median": round(statistics.median(each), 3),
                "best": round(max(each), 3),
            }
            for what, each in zip(("psnr", "ssim"), zip(*values, strict=True), strict=True)
        }
        for variant, values in found.items()
    }
    figures = [
        Figure(f"{what}, {variant}, {word}", bound(it[place] for it in values), unit=unit)
        for place, (what, unit) in enumerate((("PSNR", "dB"), ("SSIM", "of 1")))
        for variant, values in found.items()
        for word, bound in ((("the worst", min),) if variant in CLASSES else (("the best", max),))
    ]
    report("golden", figures, {"compared": len(found["bfloat16"]), "likeness to float32": data}, quick=quick)


if __name__ == "__main__":
    main()
