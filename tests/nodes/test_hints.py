"""Hints for ControlNets are those that OpenCV and transformers give."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from tests.nodes.workbench import Nodes, Workbench


def draw(path: Path, size: tuple[int, int] = (56, 40)) -> Pillow.Image:
    """A disc on gradients: edges and depth to find."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    disc = ((x - 20) ** 2 + (y - 18) ** 2 < 120)[..., None]
    colours = np.stack([x * 4, y * 6, 255 - x * 3], axis=-1)
    texture = np.random.default_rng(4).integers(0, 60, colours.shape)  # weak edges, for the thresholds
    picture = Pillow.fromarray((np.where(disc, (190, 40, 60), colours % 196) + texture).astype(np.uint8))
    picture.save(path)
    return picture


def pixels(bench: Workbench, nodes: Nodes, last: str) -> NDArray[np.uint8]:
    """What a node of a recipe makes."""
    result = bench.run(nodes, {"hint.png": f"${last}"})
    assert not result.failed
    with Pillow.open(result.files["hint.png"]) as picture:
        return np.array(picture)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


FILE: Nodes = {"file": {"type": "load-image", "path": "picture.png"}}


def test_canny_is_opencvs(bench: Workbench) -> None:
    picture = np.array(draw(bench.folder / "picture.png"))
    fields = {"type": "canny", "image": "$file"}
    found = pixels(bench, {**FILE, "edges": fields}, "edges")
    assert np.array_equal(found, np.repeat(cv2.Canny(picture, 100, 200)[..., None], 3, axis=-1))
    assert set(np.unique(found)) == {0, 255}
    few = pixels(bench, {**FILE, "edges": {**fields, "low-threshold": 300, "high-threshold": 700}}, "edges")
    assert np.array_equal(few[..., 0], cv2.Canny(picture, 300, 700))
    assert 0 < few.sum() < found.sum()


def test_canny_without_opencv_is_refused_while_planning(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sdflow.problems import UserError

    draw(bench.folder / "picture.png")
    monkeypatch.setattr("sdflow.diffusion.canny.find_spec", lambda _name: None)
    with pytest.raises(UserError) as caught:
        bench.planned({**FILE, "edges": {"type": "canny", "image": "$file"}}, {"edges.png": "$edges"})
    (problem,) = caught.value.problems
    assert problem.code == "SDF430"
    assert "sdflow[hints]" in (problem.hint or "")


def dpt() -> Any:
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=37,
        image_size=32,
        patch_size=8,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
        is_hybrid=False,
    )
    return DPTForDepthEstimation(config)


def depth_anything(kind: str = "relative") -> Any:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone = Dinov2Config(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
        head_hidden_size=8,
        depth_estimation_type=kind,
        max_depth=20 if kind == "metric" else 1,
    )
    return DepthAnythingForDepthEstimation(config)


NETWORKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "DPT": (dpt, {"size": {"height": 32, "width": 32}}),
    "Depth Anything": (
        depth_anything,
        {"size": {"height": 42, "width": 42}, "keep_aspect_ratio": True, "ensure_multiple_of": 14},
    ),
    "Depth Anything, metric": (
        lambda: depth_anything("metric"),
        {"size": {"height": 42, "width": 42}, "keep_aspect_ratio": True, "ensure_multiple_of": 14},
    ),
}


def write_network(folder: Path, name: str) -> None:
    """A network with random weights, as transformers saves it."""
    from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

    from sdflow.models.tiny_weights import fill_weights

    make, preparing = NETWORKS[name]
    network = make()
    fill_weights(network, "depth", {"head.conv3.weight": 4.0})
    network.save_pretrained(folder)
    DPTImageProcessorPil(**preparing).save_pretrained(folder)


@pytest.mark.parametrize("name", NETWORKS)
def test_depth_is_that_of_transformers_pipeline(bench: Workbench, name: str) -> None:
    from transformers import AutoModelForDepthEstimation, pipeline
    from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

    folder = bench.folder / "network"
    write_network(folder, name)
    picture = draw(bench.folder / "picture.png")
    nodes = {
        **FILE,
        "sees": {"type": "load-depth-estimator", "source": "./network"},
        "depth": {"type": "estimate-depth", "estimator": "$sees", "image": "$file"},
    }
    found = pixels(bench, nodes, "depth")
    theirs = pipeline(
        "depth-estimation",
        model=AutoModelForDepthEstimation.from_pretrained(folder),
        image_processor=DPTImageProcessorPil.from_pretrained(folder),
        device="cpu",
    )(picture)
    wanted = np.array(theirs["depth"])
    assert len(np.unique(wanted)) > 50
    if name.endswith("metric"):
        depth = theirs["predicted_depth"].numpy()
        wanted = ((1 - (depth - depth.min()) / (depth.max() - depth.min())) * 255).astype(np.uint8)
    assert np.array_equal(found, np.repeat(wanted[..., None], 3, axis=-1))
    bench.run(nodes, {"again.png": "$depth"})
    assert not bench.ran()


def test_a_network_of_another_kind_is_told_by_its_name(bench: Workbench, tiny: Path) -> None:
    from sdflow.problems import UserError

    draw(bench.folder / "picture.png")
    nodes = {
        **FILE,
        "sees": {"type": "load-depth-estimator", "source": str(tiny / "text_encoder")},
        "depth": {"type": "estimate-depth", "estimator": "$sees", "image": "$file"},
    }
    with pytest.raises(UserError) as caught:
        bench.planned(nodes, {"depth.png": "$depth"})
    assert "a text encoder" in caught.value.problems[0].message or "CLIPTextModel" in str(caught.value)
