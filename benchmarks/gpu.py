"""Stable Diffusion 1.5 at its real size with random weights: sdflow's loop against that of the diffusers pipeline.

    python -m benchmarks.gpu [--quick]

512×512 pixels, 25 steps, batches of 1, 4 and 16, in float16, eager and compiled. For each: seconds, steps a second,
peak memory, and the share of the card's matrix multiplication rate, which is measured first. Needs torch, diffusers,
pydantic and sdflow, and no network. Without a GPU, a small model shows on the CPU that everything works.

The reference is the pipeline's loop as diffusers documents it ("Deconstruct a basic pipeline"), because the pipeline
itself needs transformers; where that is installed, the pipeline takes its turn, too.
"""

import argparse
import gc
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from benchmarks.figures import Figure, report, rounded
from benchmarks.gpu_loops import SPACE, Bench, loops, pndm
from benchmarks.gpu_models import REAL, SMALL, random_models
from benchmarks.measure import seconds_of
from sdflow.composition import Json
from sdflow.diffusion.vae import decode_latent


def one_batch(bench: Bench, batch: int, pairs: int, matmul: float) -> dict[str, Json]:
    """Seconds of each loop, in turns, and what follows from them."""
    request = bench.request(batch)
    turns = loops(bench, request)
    results = {name: run() for name, run in turns.items()}  # also warms everything up, and compiles
    difference = max(float((it - results["sdflow"]).abs().max()) for it in results.values())
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    memory: dict[str, float] = {}
    for _ in range(pairs):
        for name, run in turns.items():
            with peak_memory(bench.device) as peak:
                seconds[name].append(seconds_of(run))
            memory[name] = max(memory.get(name, 0.0), peak[0])
    evaluations = len(_timesteps(request.steps))
    work = evaluation_flops(bench, batch) * evaluations
    rows: dict[str, Json] = {}
    for name, times in seconds.items():
        taken = statistics.median(times)
        rows[name] = {
            "seconds": rounded(taken),
            "steps/s": rounded(request.steps / taken),
            "pictures/s": rounded(batch / taken),
            "peak GB": rounded(memory[name]),
            "share of matmul peak": rounded(work / taken / matmul),
        }
    return {
        **rows,
        "largest difference": rounded(difference) if math.isfinite(difference) else None,
        "ratios": _ratios(seconds),
    }


def _timesteps(steps: int) -> torch.Tensor:
    scheduler = pndm()
    scheduler.set_timesteps(steps)
    timesteps: torch.Tensor = scheduler.timesteps
    return timesteps


def _ratios(seconds: Mapping[str, Sequence[float]]) -> dict[str, Json]:
    return {
        other: rounded(
            statistics.median(a / b for a, b in zip(seconds["sdflow"], seconds[other], strict=True))
        )
        for other in seconds
        if other != "sdflow"
    }


def evaluation_flops(bench: Bench, batch: int) -> float:
    """Floating point operations of one evaluation of the UNet for a batch with guidance, counted by torch."""
    from torch.utils.flop_counter import FlopCounterMode

    unet = getattr(bench.unet, "_orig_mod", bench.unet)
    side = bench.size.pixels // SPACE.factor
    given = torch.zeros((2, SPACE.channels, side, side), device=bench.device, dtype=bench.dtype)
    width = unet.config.cross_attention_dim
    embeddings = torch.zeros((2, 77, width), device=bench.device, dtype=bench.dtype)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        unet(given, 1, encoder_hidden_states=embeddings)
    return float(counter.get_total_flops() * batch)


def matmul_rate(device: torch.device, dtype: torch.dtype, side: int) -> float:
    """Floating point operations a second of a large matrix multiplication: the best of several."""
    one = torch.randn((side, side), device=device, dtype=dtype)

    def multiply() -> None:
        for _ in range(5):
            torch.mm(one, one)
        synchronize(device)

    multiply()
    return 5 * 2 * side**3 / min(seconds_of(multiply) for _ in range(5))


def decoding(bench: Bench, batch: int, times: int) -> float:
    """Seconds to decode a batch."""
    latent = bench.request(batch).latent
    taken = [
        seconds_of(lambda: decode_latent(bench.vae, latent, slicing=False, tiling=None, device=bench.device))
        for _ in range(times + 1)
    ]
    return statistics.median(taken[1:])


@contextmanager
def peak_memory(device: torch.device) -> Iterator[list[float]]:
    """The most memory held on the GPU while this lasts, in GB; 0 on the CPU."""
    peak = [0.0]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    yield peak
    if device.type == "cuda":
        synchronize(device)
        peak[0] = torch.cuda.max_memory_allocated(device) / 1e9


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measured(bench: Bench, compiled: bool, pairs: int) -> dict[str, Json]:
    """Everything, for one way to run the UNet."""
    rate = matmul_rate(bench.device, bench.dtype, bench.size.matmul)
    unet = torch.compile(bench.unet) if compiled else bench.unet
    with_unet = Bench(unet, bench.vae, bench.device, bench.size)
    rows: dict[str, Json] = {"matmul TFLOP/s": rounded(rate / 1e12)}
    for batch in bench.size.batches:
        rows[f"batch {batch}"] = one_batch(with_unet, batch, pairs, rate)
        gc.collect()
    return rows


def figures_of(results: Mapping[str, Mapping[str, Json]]) -> list[Figure]:
    """sdflow's loop against the others, batch by batch."""
    figures: list[Figure] = []
    for way, rows in results.items():
        for batch, row in rows.items():
            ratios = row.get("ratios") if isinstance(row, dict) else None
            for other, value in ratios.items() if isinstance(ratios, dict) else ():
                if isinstance(value, float):
                    figures.append(Figure(f"SD 1.5 loop, {way}, {batch}", value, note=f"÷ {other}"))
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tiny model, two steps; writes no results")
    quick = parser.parse_args(arguments).quick
    on_gpu = torch.cuda.is_available() and not quick
    device = torch.device("cuda" if on_gpu else "cpu")
    if not torch.cuda.is_available():
        print("there is no GPU that torch can use: a small model on the CPU only shows that everything works")
    size = REAL if on_gpu else SMALL
    unet, vae = random_models(size, device)
    bench = Bench(unet, vae, device, size)
    results = {"eager": measured(bench, False, 5 if on_gpu else 1)}
    if on_gpu:
        results["compiled"] = measured(bench, True, 5)
    decode: dict[str, Json] = {
        f"batch {batch}": rounded(decoding(bench, batch, 3 if on_gpu else 1)) for batch in size.batches
    }
    for way, rows in results.items():
        for name, row in rows.items():
            print(f"{way}, {name}: {row}")
    about: Json = torch.cuda.get_device_name(device) if on_gpu else "CPU"
    data: dict[str, Json] = {
        "device": about,
        "loops": {way: dict(rows) for way, rows in results.items()},
        "decode, seconds": decode,
    }
    report("gpu", figures_of(results), data, quick=not on_gpu)


if __name__ == "__main__":
    main()
