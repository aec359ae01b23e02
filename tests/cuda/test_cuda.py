"""On a GPU: the same seed draws the same picture as on the CPU, and what a node took is recorded."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest

from sdflow.engine.events import NodeFinished
from sdflow.values import Image
from sdflow.workflow import Session, Settings
from tests.nodes.workbench import Workbench, edited, text_to_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


Pixels: TypeAlias = "NDArray[np.uint8]"


def picture(tiny: Path, folder: Path, device: str, dtype: str) -> tuple[Pixels, Workbench]:
    bench = Workbench(folder)
    bench.session = Session(Settings(device=device, cache=folder / "cache"))
    nodes = edited(
        text_to_image(tiny), {"model": {"dtype": dtype}, "sample": {"steps": 8}, "noise": {"width": 64}}
    )
    result = bench.run(nodes, {"a.png": "$image"})
    value = bench.session.results.value(
        result.prepared.plan.keys[result.prepared.graph.names["", "image"]].key, "image"
    )
    assert isinstance(value, Image)
    return value.pixels.astype(np.uint8), bench


def psnr(one: Pixels, other: Pixels) -> float:
    error = float(np.mean((one.astype(float) - other.astype(float)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def test_a_seed_means_the_same_on_every_device(tiny: Path, tmp_path: Path) -> None:
    on_cpu, _ = picture(tiny, tmp_path / "cpu", "cpu", "float32")
    on_gpu, bench = picture(tiny, tmp_path / "gpu", "cuda", "float32")
    other_seed = np.roll(on_cpu, 7, axis=2)
    assert psnr(on_cpu, on_gpu) > psnr(on_cpu, other_seed) + 15
    peaks = [
        event.peak_bytes
        for event in bench.events
        if isinstance(event, NodeFinished) and event.type == "denoise"
    ]
    assert all(peak is not None and peak > 0 for peak in peaks)


def test_half_precision_is_the_default_and_draws_the_same_thing(tiny: Path, tmp_path: Path) -> None:
    whole, _ = picture(tiny, tmp_path / "whole", "cuda", "float32")
    half, bench = picture(tiny, tmp_path / "half", "cuda", "auto")
    assert bench.session.device.default_dtype == "float16"
    assert psnr(whole, half) > psnr(whole, np.roll(whole, 7, axis=2)) + 10


def test_another_device_is_another_key(tiny: Path, tmp_path: Path) -> None:
    keys = []
    for device in ("cpu", "cuda"):
        bench = Workbench(tmp_path / device)
        bench.session = Session(Settings(device=device, cache=tmp_path / "cache"))
        nodes = edited(text_to_image(tiny), {"model": {"dtype": "float32"}})
        plan = bench.session.prepare(bench.compose(bench.write(nodes, {"a.png": "$image"}))).plan
        names = plan.graph.names.items()
        keys.append({name: plan.keys[number].key for (_, name), number in names if number in plan.keys})
    assert keys[0]["noise"] == keys[1]["noise"], "noise is drawn on the CPU"
    assert all(keys[0][name] != keys[1][name] for name in ("text", "sample", "image"))
