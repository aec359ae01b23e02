"""Loading a single file of Stable Diffusion 1.5's real size and names, against diffusers' own loader.

    python -m benchmarks.single_file [--quick]

The file has random weights in half precision, 2.1 GB. Each candidate is a new process that loads all components onto
the CPU, ready to use: of every weight something is read. sdflow plans and its pool loads, with the configuration and
tokenizer that come along; diffusers is given a folder with them (`config=`), because it would ask the hub otherwise.
The sha256 of the file is known, as after a first plan. Memory is what the whole process, libraries included, holds at
most outside of mapped files (RssAnon), sampled while it loads.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figures import Figure, report
from benchmarks.original_names import Tensors, clip, prefixed, unet, vae
from benchmarks.processes import Child, in_turns, medians, ratio
from sdflow.composition import Json

DTYPES = {"float32": 4, "float16": 2}
_PEAK = """
import sys, threading, time
peak, done = 0, False
def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) * 1024
def watch():
    global peak
    while not done:
        peak = max(peak, anonymous())
        time.sleep(0.002)
def finish(modules, report):
    global peak, done
    total = sum(float(it.view(-1)[::1024].float().sum()) for module in modules for it in module.parameters())
    done, peak = True, max(peak, anonymous())
    size = sum(it.nbytes for module in modules for it in (*module.parameters(), *module.buffers()))
    if report:
        with open(report, "w") as stream:
            stream.write(f"{peak} {size}")
if sys.argv[-1]:
    threading.Thread(target=watch, daemon=True).start()
"""
OURS = (
    _PEAK
    + """
from pathlib import Path
from sdflow.models.pool import Pool
from sdflow.models.request import ModelRequest
from sdflow.models.resolve import resolve_model
from sdflow.resolve.device import find_device
file, dtype, folder, report = sys.argv[1:]
device = find_device("cpu")
model = resolve_model(
    ModelRequest(file, dtype=dtype), base=Path(folder), device=device, memo=lambda path: "sha256:0",
    cache_root=Path(folder) / "cache", offline=True,
)
pool, loaded = Pool(device), []
for role in ("tokenizer", "text_encoder", "unet", "vae"):
    with pool.use(model.components[role]) as module:
        loaded.append(module)
finish(loaded[1:], report)
"""
)
THEIRS = (
    _PEAK
    + """
import torch
from diffusers import StableDiffusionPipeline
file, dtype, folder, report = sys.argv[1:]
pipeline = StableDiffusionPipeline.from_single_file(
    file, config=folder + "/config", local_files_only=True, torch_dtype=getattr(torch, dtype)
)
finish([pipeline.text_encoder, pipeline.unet, pipeline.vae], report)
"""
)


def modules(configs: Mapping[str, Mapping[str, Json]], *, small: bool) -> dict[str, "Tensors"]:
    """The tensors of Stable Diffusion 1.5 by role, without numbers."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    unet_config = {**configs["unet"], **({"block_out_channels": [32, 32, 64, 64]} if small else {})}
    with torch.device("meta"):
        made = {
            "unet": UNet2DConditionModel.from_config(unet_config),
            "vae": AutoencoderKL.from_config(dict(configs["vae"])),
            "text_encoder": CLIPTextModel(CLIPTextConfig.from_dict(dict(configs["text_encoder"]))),
        }
    return {role: dict(module.state_dict()) for role, module in made.items()}


def write_checkpoint(file: Path, *, small: bool = False) -> int:
    """Write the file, and return how many numbers its components have. `small` has a UNet of 3 million."""
    import torch
    from safetensors.torch import save_file

    from sdflow.models.checkpoint.published import family

    found = modules(family("sd1"), small=small)
    block = torch.randn(2**22, generator=torch.Generator().manual_seed(0)).half()

    def numbers(tensor: torch.Tensor) -> torch.Tensor:
        count = tensor.numel()
        return block.repeat(-(-count // len(block)))[:count].reshape(tensor.shape)

    named = prefixed("model.diffusion_model.", unet(found["unet"], 2))
    named |= prefixed("first_stage_model.", vae(found["vae"], 4))
    named |= prefixed("cond_stage_model.transformer.", clip(found["text_encoder"]))
    save_file({name: numbers(it) if it.is_floating_point() else it for name, it in named.items()}, file)
    return sum(it.numel() for tensors in found.values() for it in tensors.values())


def write_configuration(folder: Path, *, small: bool = False) -> None:
    """What diffusers is told with `config=`: a model's folder without its weights."""
    import shutil

    from sdflow.models.checkpoint.published import TOKENIZER, family

    names = {"scheduler": "scheduler_config.json"}
    for role, config in family("sd1").items():
        if role in {"tokenizer", "model_index"}:
            continue
        (folder / role).mkdir(parents=True)
        changed = {"block_out_channels": [32, 32, 64, 64]} if small and role == "unet" else {}
        (folder / role / names.get(role, "config.json")).write_text(json.dumps({**config, **changed}))
    shutil.copytree(TOKENIZER, folder / "tokenizer")
    index = {
        **family("sd1")["model_index"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
    }
    (folder / "model_index.json").write_text(json.dumps(index))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small UNet, one round; writes no results")
    quick = parser.parse_args(arguments).quick
    with tempfile.TemporaryDirectory(prefix="sdflow-benchmark-") as name:
        folder = Path(name)
        file = folder / "checkpoint.safetensors"
        count = write_checkpoint(file, small=quick)
        write_configuration(folder / "config", small=quick)
        children: dict[str, Child] = {}
        dtypes = {"float32": 4} if quick else DTYPES
        for dtype in dtypes:
            for who, code in (("sdflow", OURS), ("diffusers", THEIRS)):
                children[f"{who}, {dtype}"] = Child((sys.executable, "-c", code, file, dtype, folder, ""))
        seconds = in_turns(children, folder, 1 if quick else 7)
        memory = {who: peak(child, folder) for who, child in children.items()}
    figures = []
    for dtype, width in dtypes.items():
        time = ratio(seconds, f"sdflow, {dtype}", f"diffusers, {dtype}")
        # In the precision of the file, diffusers leaves the weights in it; sdflow gives them memory of their own.
        mapped = dtype == "float16"
        note = "÷ diffusers, which leaves them in the file" if mapped else "÷ diffusers"
        figures.append(
            Figure(f"single file, {dtype}: time", time, None if quick or mapped else 1.0, note=note)
        )
        held = memory[f"sdflow, {dtype}"] / (count * width)
        figures.append(
            Figure(f"single file, {dtype}: memory", held, None if quick else 1.3, note="÷ weights")
        )
    peaks: dict[str, Json] = {who: round(it / 1e9, 3) for who, it in memory.items()}
    report("single_file", figures, {"seconds": medians(seconds), "peak GB": peaks}, quick=quick)


def peak(child: Child, folder: Path) -> int:
    """Bytes of anonymous memory that a child holds at most."""
    from benchmarks.processes import run

    told = folder / "peak"
    run(Child((*child.command[:-1], told)), folder)
    return int(told.read_text().split()[0])


if __name__ == "__main__":
    main()
