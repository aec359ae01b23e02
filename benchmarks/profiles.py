"""Peak memory and processor time of one picture under each profile, every one in a fresh process.

    python -m benchmarks.profiles [--quick]

The model is random, with Stable Diffusion's topology and 64 to 128 channels; the picture has 512 pixels a side, so that
activations count as much as weights. On the CPU the peak is the process's largest resident set, less that of a process
that has imported the same and drawn a picture of 64 pixels; on CUDA it is what the allocator gave out at most. Time is
that of the processor, which a busy machine does not lengthen; on CUDA it is the clock's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import yaml

from benchmarks.figures import Figure, report
from benchmarks.processes import GIVING_BACK, ROOT
from benchmarks.recipes import text_to_image
from sdflow.composition import Json

_SETTINGS: dict[str, str] = {
    "one component at a time": "weights-on-device: 0",
    "denoise-slicing": "denoise-slicing: always",
    "channels-last": "channels-last: true",
    "float8-storage": "float8-storage: true",
} | ({"int8-weights": "int8-weights: true"} if find_spec("torchao") else {})
"""Single settings, beside the profiles that come along; the last needs the extra quantization."""

_CHILD = """
import json, sys, time
from pathlib import Path
recipe, cache, profile, device = sys.argv[1:5]
from benchmarks.measure import peak_resident
from sdflow.composing import compose_file
from sdflow.recipe import Changes
from sdflow.workflow import Session, Settings
session = Session(Settings(device=device, cache=Path(cache), profile=profile or None))
cuda = session.device.type == "cuda"
began = time.perf_counter() if cuda else time.process_time()
result = session.run(compose_file(Path(recipe), Changes(), session.registry))
spent = (time.perf_counter() if cuda else time.process_time()) - began
assert not result.failed
import torch
peak = torch.cuda.max_memory_allocated() if cuda else peak_resident()
print(json.dumps({"peak": peak, "seconds": spent, "device": session.device.type}))
"""


def write_model(folder: Path, *, small: bool) -> Path:
    """A model of middling width: the tiny one with another UNet and VAE."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel

    from sdflow.models.tiny import write_tiny

    write_tiny(folder, sample_size=64)
    widths = [32, 32, 32, 64] if small else [64, 64, 128, 128]
    torch.manual_seed(0)
    unet = UNet2DConditionModel.load_config(folder / "unet")
    UNet2DConditionModel.from_config(unet, block_out_channels=widths).save_pretrained(folder / "unet")
    vae = AutoencoderKL.load_config(folder / "vae")
    widths = [16, 16, 32, 32] if small else [32, 32, 64, 64]
    AutoencoderKL.from_config(vae, block_out_channels=widths).save_pretrained(folder / "vae")
    return folder


def measured(model: Path, folder: Path, name: str, profile: str, *, side: int) -> dict[str, Json]:
    """What one process took."""
    recipe = folder / f"{side}.yaml"
    recipe.write_text(yaml.safe_dump(text_to_image(model, side, 1), sort_keys=False), encoding="utf-8")
    device = os.environ.get("SDFLOW_BENCHMARK_DEVICE", "auto")
    cache = folder / f"cache-{name.replace(' ', '-')}"
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(recipe), str(cache), profile, device],
        cwd=ROOT,
        env={**os.environ, **GIVING_BACK},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Json] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small picture, one profile; writes no results"
    )
    quick = parser.parse_args(arguments).quick
    side = 64 if quick else 512
    with tempfile.TemporaryDirectory(prefix="sdflow-benchmark-") as name:
        folder = Path(name)
        model = write_model(folder / "model", small=quick)
        names = ("low-vram",) if quick else ("low-vram", "balanced", "fast")
        profiles = {"none": "", **{name: name for name in names}}
        for word, text in () if quick else _SETTINGS.items():
            path = folder / f"{word.replace(' ', '-')}.yaml"
            path.write_text(text + "\n", encoding="utf-8")
            profiles[word] = str(path)
        empty = measured(model, folder, "empty", "", side=64)
        found = {word: measured(model, folder, word, it, side=side) for word, it in profiles.items()}
    floor = 0 if empty["device"] == "cuda" else int(str(empty["peak"]))
    # A picture as small as that of the floor may take nothing beside it.
    peaks = {word: max(int(str(it["peak"])) - floor, 1) for word, it in found.items()}
    seconds = {word: float(str(it["seconds"])) for word, it in found.items()}
    figures = [
        Figure(f"{what}, {word}", values[word] / values["none"], note="÷ no profile")
        for word in profiles
        if word != "none"
        for what, values in (("peak memory", peaks), ("time", seconds))
    ]
    data: dict[str, Json] = {
        "bytes above a process that has drawn 64 pixels": dict(peaks),
        "seconds": {word: round(it, 2) for word, it in seconds.items()},
        "device": empty["device"],
        "side": side,
    }
    report("profiles", figures, data, quick=quick)


if __name__ == "__main__":
    main()
