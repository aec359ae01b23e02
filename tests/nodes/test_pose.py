"""Poses: to the bit what transformers' own code tells of a picture, drawn as a skeleton."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from sdflow.models.tiny_weights import fill_weights
from sdflow.pictures.skeleton import draw_skeletons
from sdflow.problems import Problem, UserError
from tests.nodes.test_hints import FILE, draw, pixels
from tests.nodes.workbench import Nodes, Workbench

pytest.importorskip("scipy")
BODY = {number: f"joint-{number}" for number in range(17)}
THINGS = {0: "cat", 1: "person"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    folder = tmp_path_factory.mktemp("pose")
    draw(folder / "picture.png")
    write_estimator(folder / "vitpose")
    write_yolos(folder / "yolos")
    return Workbench(folder)


def write_estimator(folder: Path, experts: int = 1, joints: int = 17) -> None:
    """A network for poses with random weights, as transformers saves it."""
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation
    from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil

    backbone = VitPoseBackboneConfig(
        image_size=[64, 48],
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_experts=experts,
        part_features=8 if experts > 1 else 0,
        out_indices=[2],
    )
    labels = {number: f"joint-{number}" for number in range(joints)}
    network = VitPoseForPoseEstimation(VitPoseConfig(backbone_config=backbone, id2label=labels))
    fill_weights(network, "pose", {"head.conv.weight": 0.4})
    network.save_pretrained(folder)
    VitPoseImageProcessorPil(size={"height": 64, "width": 48}).save_pretrained(folder)


def write_yolos(folder: Path, things: dict[int, str] = THINGS) -> None:
    """A detector with random weights: everything that it sees is something."""
    from transformers import YolosConfig, YolosForObjectDetection
    from transformers.models.yolos.image_processing_pil_yolos import YolosImageProcessorPil

    config = YolosConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=[64, 64],
        num_detection_tokens=6,
        id2label=things,
    )
    network = YolosForObjectDetection(config)
    fill_weights(network, "yolos", {"class_labels_classifier.layers.2.weight": 8.0, "detection_tokens": 30.0})
    network.save_pretrained(folder)
    YolosImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 128}).save_pretrained(folder)


def write_rt_detr(folder: Path) -> None:
    """The same of another kind."""
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig
    from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

    backbone = RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = RTDetrConfig(
        backbone_config=backbone,
        encoder_in_channels=[8, 16, 16],
        encoder_hidden_dim=16,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_layers=1,
        decoder_attention_heads=2,
        num_queries=8,
        anchor_image_size=None,
        id2label=THINGS,
    )
    network = RTDetrForObjectDetection(config)
    fill_weights(network, "detr", {})
    network.save_pretrained(folder)
    RTDetrImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)


def looking(
    detector: str | None = None, source: str = "./vitpose", *, person: float = 0.5, **fields: Any
) -> Nodes:
    loaded = {"type": "load-pose-estimator", "source": source}
    return {
        **FILE,
        "looker": loaded | ({"detector": detector} if detector else {}),
        "pose": {
            "type": "detect-pose",
            "estimator": "$looker",
            "image": "$file",
            "person-threshold": person,
            **fields,
        },
    }


def opened(folder: Path) -> Pillow.Image:
    """The picture that is looked at."""
    with Pillow.open(folder / "picture.png") as picture:
        return picture.convert("RGB")


def theirs(folder: Path, boxes: list[list[float]], source: str = "vitpose", **more: Any) -> Any:
    """The joints of people in boxes, as the documentation of transformers finds them."""
    from transformers import VitPoseForPoseEstimation
    from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil

    processor = VitPoseImageProcessorPil.from_pretrained(folder / source)
    network = VitPoseForPoseEstimation.from_pretrained(folder / source)
    picture = opened(folder)
    with torch.no_grad():
        told = network(**processor(picture, boxes=[boxes], return_tensors="pt"), **more)
    return processor.post_process_pose_estimation(told, boxes=[boxes])[0]


def skeletons(folder: Path, people: Any, threshold: float) -> Any:
    """Their picture."""
    joints = [np.concatenate([it["keypoints"], it["scores"][:, None]], axis=1) for it in people]
    width, height = opened(folder).size
    return draw_skeletons([joints], height, width, threshold).pixels[0]


@pytest.mark.parametrize("experts", [1, 6])
def test_a_whole_picture_is_one_person(bench: Workbench, experts: int) -> None:
    source = "vitpose"
    if experts > 1:
        source = "vitpose-plus"
        write_estimator(bench.folder / source, experts)
    width, height = opened(bench.folder).size
    more = {"dataset_index": torch.tensor([0])} if experts > 1 else {}
    people = theirs(bench.folder, [[0, 0, width, height]], source, **more)
    scores = people[0]["scores"]
    sure = float(scores.median())
    found = pixels(bench, looking(None, f"./{source}", threshold=sure), "pose")
    assert np.array_equal(found, skeletons(bench.folder, people, sure))
    assert found.any()
    assert not np.array_equal(found, skeletons(bench.folder, people, 0.0))


@pytest.mark.parametrize("kind", ["yolos", "rt-detr"])
def test_people_are_those_that_transformers_pipeline_finds(bench: Workbench, kind: str) -> None:
    from transformers import AutoModelForObjectDetection, pipeline
    from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil
    from transformers.models.yolos.image_processing_pil_yolos import YolosImageProcessorPil

    processors = {"yolos": YolosImageProcessorPil, "rt-detr": RTDetrImageProcessorPil}
    folder = bench.folder / kind
    if kind == "rt-detr":
        write_rt_detr(folder)
    find = pipeline(
        "object-detection",
        model=AutoModelForObjectDetection.from_pretrained(folder),
        image_processor=processors[kind].from_pretrained(folder),
        device="cpu",
    )
    things = find(str(bench.folder / "picture.png"), threshold=0.0)
    assert {it["label"] for it in things} == {"cat", "person"}, "the detector does not tell things apart"
    scores = sorted((it["score"] for it in things if it["label"] == "person"), reverse=True)
    sure = (scores[0] + scores[1]) / 2 if len(scores) > 2 else 0.0
    nodes = looking(f"./{kind}", person=sure, threshold=0.0)
    found = pixels(bench, nodes, "pose")
    boxes = exact_boxes(bench.folder, kind, processors[kind], sure)
    assert 0 < len(boxes) < len(things)
    assert np.array_equal(found, skeletons(bench.folder, theirs(bench.folder, boxes), 0.0))
    assert not np.array_equal(found, pixels(bench, looking(None, threshold=0.0), "pose"))


def exact_boxes(folder: Path, kind: str, processor: Any, threshold: float) -> list[list[float]]:
    """Of people: the pipeline rounds its boxes to whole pixels, the documented code does not."""
    from transformers import AutoModelForObjectDetection

    prepare = processor.from_pretrained(folder / kind)
    picture = opened(folder)
    with torch.no_grad():
        told = AutoModelForObjectDetection.from_pretrained(folder / kind)(
            **prepare(images=picture, return_tensors="pt")
        )
    size = [(picture.height, picture.width)]
    seen = prepare.post_process_object_detection(told, threshold=threshold, target_sizes=size)[0]
    people = [
        (float(score), box.tolist())
        for score, label, box in zip(seen["scores"], seen["labels"], seen["boxes"], strict=True)
        if THINGS[int(label)] == "person"
    ]
    return [[x, y, right - x, down - y] for _, (x, y, right, down) in sorted(people, reverse=True)]


def test_nobody_is_black(bench: Workbench) -> None:
    found = pixels(bench, looking("./yolos", person=1.0), "pose")
    assert not found.any()


def refused(bench: Workbench, nodes: Nodes) -> Problem:
    with pytest.raises(UserError) as caught:
        bench.planned(nodes, {"pose.png": "$pose"})
    (problem,) = caught.value.problems
    assert problem.position is not None
    return problem


def test_networks_for_other_things_are_refused_where_they_stand(bench: Workbench) -> None:
    write_estimator(bench.folder / "hands", joints=21)
    assert refused(bench, looking(None, "./hands")).code == "SDF451"
    write_yolos(bench.folder / "animals", {0: "cat", 1: "dog"})
    problem = refused(bench, looking("./animals"))
    assert problem.code == "SDF451"
    lines = (bench.folder / "recipe.yaml").read_text().splitlines()
    assert problem.position is not None
    assert "detector: ./animals" in lines[problem.position.line - 1]
    with pytest.raises(UserError, match=r"person detector .* `VitPoseForPoseEstimation`") as caught:
        bench.planned(looking("./vitpose"), {"pose.png": "$pose"})
    assert [it.code for it in caught.value.problems] == ["SDF303", "SDF303"]
    alone = looking()
    alone["looker"]["detector-revision"] = "main"
    assert "no detector" in refused(bench, alone).message


def test_without_scipy_it_is_refused_while_planning(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdflow.diffusion.pose.find_spec", lambda _name: None)
    assert refused(bench, looking()).code == "SDF430"


def test_another_detector_preparation_or_threshold_is_another_result(bench: Workbench) -> None:
    def key(nodes: Nodes) -> str:
        plan = bench.session.prepare(bench.compose(bench.write(nodes, {"pose.png": "$pose"}))).plan
        return plan.keys[plan.graph.names["", "pose"]].key

    first = key(looking())
    assert len({first, key(looking("./yolos")), key(looking(threshold=0.4)), key(looking(person=0.4))}) == 4
    file = bench.folder / "vitpose" / "preprocessor_config.json"
    text = file.read_text()
    file.write_text(json.dumps({**json.loads(text), "image_mean": [0.4, 0.4, 0.4]}))
    assert key(looking()) != first
    file.write_text(text)
    assert key(looking()) == first
