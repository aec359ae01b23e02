"""Upscalers: known from names and shapes, equal to spandrel called by hand, and seamless in tiles."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdflow.engine.events import NodeFailed
from sdflow.problems import UserError
from tests.models.spandrels import compact, esrgan, spandrel, with_new_names
from tests.nodes.workbench import Nodes, Workbench, edited

torch = pytest.importorskip("torch")

NETWORKS: dict[str, tuple[Callable[[], dict[str, Any]], int]] = {
    "old names": (lambda: esrgan(4), 4),
    "restoring": (lambda: esrgan(1), 1),
    "new names": (lambda: with_new_names(esrgan(2)), 2),
    "begins smaller": (lambda: with_new_names(esrgan(4, shuffle=2)), 2),
    "compact": (lambda: {"params": compact(4)}, 4),
}


def recipe(**fields: Any) -> Nodes:
    return {
        "photo": {"type": "load-image", "path": "photo.png"},
        "net": {"type": "load-upscaler", "source": "net.pth"},
        "large": {"type": "upscale-with-model", "upscaler": "$net", "image": "$photo", **fields},
    }


def bench_with(folder: Path, state: Any, *, width: int = 40, height: int = 24) -> Workbench:
    from PIL import Image as Pillow

    bench = Workbench(folder)
    torch.save(state, folder / "net.pth")
    rng = np.random.default_rng(3)
    coarse = Pillow.fromarray(rng.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8))
    coarse.resize((width, height), Pillow.Resampling.BICUBIC).save(folder / "photo.png")
    return bench


def pixels(bench: Workbench, nodes: Nodes) -> np.ndarray[Any, Any]:
    from PIL import Image as Pillow

    result = bench.run(nodes, {"a.png": "$large"})
    assert not result.failed
    with Pillow.open(result.files["a.png"]) as picture:
        return np.array(picture)


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_to_spandrel_called_by_hand_to_the_bit(tmp_path: Path, name: str) -> None:
    from PIL import Image as Pillow

    make, scale = NETWORKS[name]
    bench = bench_with(tmp_path, make())
    made = pixels(bench, recipe(tiling=False))
    assert made.shape == (24 * scale, 40 * scale, 3)
    descriptor = spandrel().ModelLoader().load_from_file(tmp_path / "net.pth").eval()
    with Pillow.open(tmp_path / "photo.png") as picture:
        given = torch.from_numpy(np.array(picture).astype(np.float32) / 255).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = descriptor(given.contiguous())[0].permute(1, 2, 0).numpy()
    assert np.array_equal(made, (expected * 255).round().astype(np.uint8))
    assert made.std() > 3, "a picture of one colour would always be equal"


def test_tiles_show_no_seams_and_their_size_bounds_what_is_in_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sdflow.models.load_upscaler import UpscalerModule

    seen: list[tuple[int, ...]] = []
    forward = UpscalerModule.forward

    def watched(module: UpscalerModule, given: Any) -> Any:
        seen.append(tuple(given.shape))
        return forward(module, given)

    monkeypatch.setattr(UpscalerModule, "forward", watched)
    bench = bench_with(tmp_path, esrgan(2), width=120, height=88)
    whole = pixels(bench, recipe(tiling=False)).astype(int)
    assert seen == [(1, 3, 88, 120)]
    seen.clear()
    tiled = pixels(bench, recipe(tile=48, **{"tile-overlap": 24})).astype(int)
    assert set(seen) == {(1, 3, 48, 48)}
    assert len(seen) > 6
    error = np.abs(tiled - whole)
    assert error.mean() < 0.5
    own = np.abs(np.diff(whole, axis=1)).mean()
    assert np.abs(np.diff(tiled - whole, axis=1)).mean(axis=(0, 2)).max() < own


def test_a_declared_scale_is_checked(tmp_path: Path) -> None:
    bench = bench_with(tmp_path, esrgan(2))
    nodes = edited(recipe(), {"net": {"scale": 4}})
    with pytest.raises(UserError) as refused:
        bench.planned(nodes, {"a.png": "$large"})
    assert [problem.code for problem in refused.value.problems] == ["SDF370"]
    right = edited(recipe(), {"net": {"scale": 2}})
    pixels(bench, recipe())
    assert bench.planned(right, {"a.png": "$large"}) == set(), "what the file says anyhow changes no key"


def test_a_network_that_names_do_not_tell_is_loaded_by_the_scale_that_is_written(tmp_path: Path) -> None:
    spandrel()
    from spandrel.architectures.SPAN import SPAN

    torch.manual_seed(5)
    bench = bench_with(tmp_path, SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2).state_dict())
    with pytest.raises(UserError) as refused:
        bench.planned(recipe(), {"a.png": "$large"})
    assert [problem.code for problem in refused.value.problems] == ["SDF370"]
    assert pixels(bench, edited(recipe(), {"net": {"scale": 2}})).shape == (48, 80, 3)
    wrong = bench.run(edited(recipe(), {"net": {"scale": 3}}), {"a.png": "$large"})
    assert wrong.failed
    (failure,) = [event for event in bench.events if isinstance(event, NodeFailed)]
    assert "scale of 2" in failure.message


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"model.diffusion_model.x": torch.zeros(2)}, "SDF369"),
        ({"body.0.weight": torch.zeros(8, 1, 3, 3), "body.1.weight": torch.zeros(4, 8, 3, 3)}, "SDF369"),
    ],
)
def test_other_files_are_refused_while_planning(tmp_path: Path, state: Any, code: str) -> None:
    bench = bench_with(tmp_path, state)
    with pytest.raises(UserError) as refused:
        bench.planned(recipe(), {"a.png": "$large"})
    assert [problem.code for problem in refused.value.problems] == [code]
