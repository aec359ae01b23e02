"""An invisible watermark: diffusers' own where the package is installed, and what the package is given elsewhere."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from sdflow.diffusion.watermark import DIFFUSERS_BITS, bits_of, watermarked
from sdflow.problems import Problem, UserError
from sdflow.values import Image
from tests.nodes.workbench import Nodes, Workbench

torch = pytest.importorskip("torch")
OUT = {"{index}.png": "$marked"}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stand-in of the package: it takes blue and green into red, and keeps what it was told."""
    told: list[Any] = []

    class WatermarkEncoder:
        def set_watermark(self, kind: str, content: list[int]) -> None:
            told.append((kind, content))

        def encode(self, bgr: np.ndarray[Any, Any], method: str) -> np.ndarray[Any, Any]:
            assert bgr.flags.c_contiguous
            told.append((method, bgr.dtype.name))
            marked = bgr.copy()
            marked[..., 2] += bgr[..., 0] / 10 - bgr[..., 1] / 100
            return marked

    monkeypatch.setitem(sys.modules, "imwatermark", SimpleNamespace(WatermarkEncoder=WatermarkEncoder))
    monkeypatch.setattr("sdflow.diffusion.watermark.find_spec", lambda _name: True)
    return told


def marked(bench: Workbench, size: tuple[int, int] = (256, 256), **fields: Any) -> Nodes:
    """A picture from a file, marked."""
    Pillow.new("RGB", size, (10, 100, 40)).save(bench.folder / "a.png")
    return {
        "file": {"type": "load-image", "path": "a.png"},
        "marked": {"type": "watermark", "image": "$file", **fields},
    }


def refused(bench: Workbench, nodes: Nodes) -> Problem:
    """The only problem of a recipe, found while planning."""
    with pytest.raises(UserError) as caught:
        bench.planned(nodes, OUT)
    (problem,) = caught.value.problems
    return problem


def test_it_is_that_of_diffusers() -> None:
    """diffusers is given the pictures in float64, so that its way to -1 … 1 and back moves no level."""
    package = pytest.importorskip("imwatermark")
    from diffusers.image_processor import VaeImageProcessor
    from diffusers.pipelines.stable_diffusion_xl.watermark import StableDiffusionXLWatermarker

    smooth = np.linspace(30, 200, 264 * 264 * 3).reshape(1, 264, 264, 3)
    pictures = np.concatenate([smooth, np.random.default_rng(1).uniform(0, 255, (1, 264, 264, 3))]).astype(
        "u1"
    )
    given = torch.from_numpy(pictures / 255 * 2 - 1).permute(0, 3, 1, 2)
    theirs = StableDiffusionXLWatermarker().apply_watermark(given)
    levels = VaeImageProcessor().postprocess(theirs, output_type="np") * 255
    ours = watermarked(Image(pictures), [int(bit) for bit in DIFFUSERS_BITS]).pixels
    assert np.array_equal(ours, levels.round().astype("u1"))
    assert not np.array_equal(ours, pictures)
    read = package.WatermarkDecoder("bits", 48).decode(np.ascontiguousarray(ours[0][..., ::-1]), "dwtDct")
    assert "".join(str(int(bit)) for bit in read) == DIFFUSERS_BITS


def test_a_text_is_read_back() -> None:
    package = pytest.importorskip("imwatermark")
    pictures = np.full((1, 256, 256, 3), 120, dtype=np.uint8)
    ours = watermarked(Image(pictures), [int(bit) for bit in bits_of("sdflow ✓")]).pixels[0][..., ::-1]
    read = package.WatermarkDecoder("bytes", 80).decode(np.ascontiguousarray(ours), "dwtDct")
    assert read.decode() == "sdflow ✓"


def test_the_encoder_is_given_colours_in_its_order_and_the_bits(installed: list[Any], tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    result = bench.run(marked(bench), OUT)
    assert installed == [("bits", [int(bit) for bit in DIFFUSERS_BITS]), ("dwtDct", "float32")]
    with Pillow.open(result.files["0.png"]) as picture:
        assert picture.getpixel((7, 7)) == (13, 100, 40)
    bench.run(marked(bench, message="é1"), OUT)
    assert installed[2] == ("bits", [int(bit) for bit in "110000111010100100110001"])


def test_what_is_written_is_in_the_key(installed: list[Any], tmp_path: Path) -> None:
    bench, keys = Workbench(tmp_path), set()
    every: list[dict[str, Any]] = [{}, {"bits": "01"}, {"message": "01"}]
    for fields in every:
        plan = bench.session.prepare(bench.compose(bench.write(marked(bench, **fields), OUT))).plan
        keys.add(plan.keys[plan.graph.names["", "marked"]].key)
    assert len(keys) == 3


@pytest.mark.parametrize("deep", [False, True])
def test_depth_and_transparency_stay_and_the_given_picture_too(installed: list[Any], deep: bool) -> None:
    scale = 257 if deep else 1
    pixels = np.zeros((1, 4, 4, 4), dtype=np.uint16 if deep else np.uint8)
    pixels[:] = np.array([250, 100, 90, 7]) * scale
    made = watermarked(Image(pixels), [1]).pixels
    assert made.dtype == pixels.dtype
    assert (made[0, 0, 0] // scale).tolist() == [255, 100, 90, 7]
    assert pixels[0, 0, 0, 0] == 250 * scale


@pytest.mark.parametrize(
    ("size", "fields", "said"),
    [
        ((255, 256), {}, "255×256 pixels are too few"),
        ((256, 256), {"message": "m" * 129}, "1032 bits do not fit into 256×256 pixels, which hold 1024"),
        ((256, 256), {"bits": "01", "message": "m"}, "not both"),
    ],
)
def test_what_does_not_fit_is_refused(
    installed: list[Any], tmp_path: Path, size: tuple[int, int], fields: dict[str, str], said: str
) -> None:
    bench = Workbench(tmp_path)
    assert said in refused(bench, marked(bench, size, **fields)).message


def test_without_the_package_it_is_refused_while_planning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sdflow.diffusion.watermark.find_spec", lambda name: None if name == "pywt" else True)
    bench = Workbench(tmp_path)
    problem = refused(bench, marked(bench))
    assert (problem.code, problem.message) == ("SDF449", "watermark needs PyWavelets")
    assert "sdflow[watermark]" in (problem.hint or "")
