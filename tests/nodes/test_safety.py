"""The safety checker: what it flags is what the pipeline's flags, what becomes of it, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from sdflow.engine.events import OutputWithheld
from sdflow.problems import UserError
from tests.nodes.test_keys import write_pictures
from tests.nodes.test_parity import ASKED, pixels, prompted, sdflows_own
from tests.nodes.workbench import Nodes, Workbench, edited

torch = pytest.importorskip("torch")
OUT = {"{index}.png": "$checked", "flag-{index}.png": "$checked.flagged"}


def checked(model: Path | str, checker: Path | str, **fields: Any) -> Nodes:
    """Three pictures, each looked at."""
    return {
        **edited(prompted(Path(model)), {"noise": {"batch": 3}, "sample": {"sampler": "ddim", "steps": 3}}),
        "checker": {"type": "load-safety-checker", "source": str(checker)},
        "checked": {"type": "safety-check", "checker": "$checker", "image": "$image", **fields},
    }


def looked_at(bench: Workbench, source: str = "builtin:tiny-safety-checker", **fields: Any) -> Nodes:
    """A picture from a file, looked at."""
    write_pictures(bench.folder)
    return {
        "file": {"type": "load-image", "path": "noise.png"},
        "checker": {"type": "load-safety-checker", "source": source},
        "checked": {"type": "safety-check", "checker": "$checker", "image": "$file", **fields},
    }


def theirs(model: Path, checker: Path | None) -> tuple[list[Any], Any]:
    """The pipeline's pictures, and which of them were flagged, with the checker as transformers loads it."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

    pipe = sdflows_own("StableDiffusionPipeline", model, "DDIMScheduler")
    if checker is not None:
        pipe.safety_checker = StableDiffusionSafetyChecker.from_pretrained(checker)
        pipe.feature_extractor = processor(checker)
    made = pipe(
        **(ASKED | {"num_inference_steps": 3}),
        num_images_per_prompt=3,
        generator=[torch.Generator().manual_seed(7 + item) for item in range(3)],
    )
    return made.images, made.nsfw_content_detected


def processor(checker: Path) -> Any:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    return CLIPImageProcessorPil.from_pretrained(checker)


def highest(checker: Path, pictures: list[Any]) -> list[float]:
    """The largest cosine of each picture to a concept."""
    from diffusers.pipelines.stable_diffusion.safety_checker import (
        StableDiffusionSafetyChecker,
        cosine_distance,
    )

    module = StableDiffusionSafetyChecker.from_pretrained(checker)
    with torch.no_grad():
        seen = module.vision_model(processor(checker)(pictures, return_tensors="pt").pixel_values)[1]
        cosines = cosine_distance(module.visual_projection(seen), module.concept_embeds)
    return [float(it) for it in cosines.max(dim=1).values]


@pytest.mark.parametrize("wanted", ["none", "some", "all"])
def test_flags_and_black_pictures_are_the_pipelines(tiny: Path, tmp_path: Path, wanted: str) -> None:
    from sdflow.models.tiny_checker import write_tiny_checker

    threshold = {"none": 2.0, "all": -2.0}.get(wanted)
    if threshold is None:
        scores = sorted(highest(write_tiny_checker(tmp_path / "any"), theirs(tiny, None)[0]))
        threshold = (scores[-1] + scores[-2]) / 2
        assert scores[-1] - scores[-2] > 0.002, "the checker rounds to thousandths"
    checker = write_tiny_checker(tmp_path / "checker", threshold=threshold)
    pictures, flags = theirs(tiny, checker)
    assert sum(flags) == {"none": 0, "some": 1, "all": 3}[wanted]
    files = Workbench(tmp_path / "bench").run(checked(tiny, checker), OUT).files
    for index, (picture, flag) in enumerate(zip(pictures, flags, strict=True)):
        ours = pixels(files[f"{index}.png"])
        assert np.array_equal(ours, np.asarray(picture))
        assert ours.any() != flag
        assert np.unique(pixels(files[f"flag-{index}.png"])).tolist() == [255 if flag else 0]


def test_a_flagged_picture_is_blurred_beyond_recognition(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    files = bench.run(looked_at(bench, action="blur"), {"a.png": "$checked"}).files
    with Pillow.open(tmp_path / "noise.png") as picture:
        before = np.asarray(picture).astype(float)
    after = pixels(files["a.png"]).astype(float)
    assert after.std(axis=(0, 1)).max() < before.std(axis=(0, 1)).min() / 10
    assert np.abs(after.mean(axis=(0, 1)) - before.mean(axis=(0, 1))).max() < 10


@pytest.mark.parametrize("wanted", [set(), {1}, {0, 1, 2}], ids=["none", "some", "all"])
def test_no_file_is_written_of_dropped_pictures_or_of_what_is_made_from_them(
    tmp_path: Path, wanted: set[int]
) -> None:
    bench = Workbench(tmp_path)
    nodes = three_with_flags(bench.folder, wanted)
    outputs = {
        "{index}.png": "$checked",
        "small-{index}.png": "$small",
        "flag-{index}.png": "$checked.flagged",
    }
    outputs |= {"second.png": "$second", "sheet.png": "$sheet"}
    left = {f"{stem}{item}.png" for stem in ("", "small-") for item in {0, 1, 2} - wanted}
    left |= {"second.png"} - ({"second.png"} if 1 in wanted else set())
    always = {"sheet.png", *(f"flag-{item}.png" for item in range(3))}
    for ran_before in (False, True):
        result = bench.run(nodes, outputs)
        assert result.files.keys() == left | always
        assert {path.name for path in (tmp_path / "out").iterdir()} == left | always
        said = {event.path: event.by for event in bench.events if isinstance(event, OutputWithheld)}
        every = {f"{stem}{item}.png" for stem in ("", "small-") for item in range(3)} | {"second.png"}
        assert said == {str(tmp_path / "out" / name): "checked" for name in every - left}
        assert result.withheld == dict.fromkeys(every - left, "checked")
        assert bool(bench.ran()) != ran_before
    assert [pixels(result.files[f"flag-{item}.png"]).any() for item in range(3)] == [
        item in wanted for item in range(3)
    ]


def test_a_dropped_picture_leaves_no_older_file_under_its_name_but_another_ones(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = three_with_flags(bench.folder, {0, 1})
    bench.run(edited(nodes, {"checked": {"action": "black"}}), {"{index}.png": "$checked"})
    (tmp_path / "out" / "1.png").write_bytes(b"somebody's own")
    bench.run(nodes, {"{index}.png": "$checked"})
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"1.png", "2.png"}
    assert (tmp_path / "out" / "1.png").read_bytes() == b"somebody's own"


def test_what_was_flagged_is_looked_at_again_when_it_is_not_kept_any_more(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = three_with_flags(bench.folder, {1})
    result = bench.run(nodes, {"{index}.png": "$small"})
    plan = result.prepared.plan
    bench.session.store.delete(plan.keys[plan.graph.names["", "checked"]].key)
    again = Workbench(tmp_path)
    assert again.run(nodes, {"{index}.png": "$small"}).files.keys() == {"0.png", "2.png"}
    assert again.ran() == {"checked"}


def three_with_flags(folder: Path, flagged: set[int]) -> Nodes:
    """Three pictures, of which a checker that was made for them flags these; and what is made from them."""
    from sdflow.models.tiny_checker import write_tiny_checker

    plain = [Pillow.new("RGB", (32, 32), colour) for colour in ("red", "lime", "navy")]
    scores = highest(write_tiny_checker(folder / "any"), plain)
    pictures = [plain[item] for item in np.argsort(scores)]
    lowest = sorted(scores)[-len(flagged)] if flagged else 2.0
    write_tiny_checker(folder / "checker", threshold=lowest - 0.001)
    places = [*sorted({0, 1, 2} - flagged), *sorted(flagged)]
    for place, picture in zip(places, pictures, strict=True):
        picture.save(folder / f"{place}.png")
    return {
        **{f"file-{item}": {"type": "load-image", "path": f"{item}.png"} for item in range(3)},
        "three": {"type": "batch-images", "images": [f"$file-{item}" for item in range(3)]},
        "checker": {"type": "load-safety-checker", "source": "checker"},
        "checked": {"type": "safety-check", "checker": "$checker", "image": "$three", "action": "drop"},
        "small": {"type": "resize-image", "image": "$checked", "width": 16, "height": 16},
        "second": {"type": "select-images", "image": "$checked", "items": [1]},
        "sheet": {"type": "grid", "images": ["$checked"]},
    }


def test_fail_ends_the_run_and_names_the_items(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = looked_at(bench, action="fail")
    nodes["two"] = {"type": "batch-images", "images": ["$file", "$file"]}
    nodes["checked"]["image"] = "$two"
    result = bench.run(nodes, {"{index}.png": "$checked"})
    assert result.failed
    assert not result.files
    assert "the safety checker flagged 2 of 2 pictures: item 0, 1" in str(bench.events)


def test_beside_a_model_and_with_names_of_older_releases(tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from sdflow.models.tiny_checker import write_tiny_checker

    alone = write_tiny_checker(tmp_path / "alone")
    whole = tmp_path / "whole"
    for name in ("safety_checker", "feature_extractor"):
        (whole / name).mkdir(parents=True)
    (whole / "model_index.json").write_bytes((tiny / "model_index.json").read_bytes())
    (whole / "safety_checker" / "config.json").write_bytes((alone / "config.json").read_bytes())
    place = whole / "feature_extractor" / "preprocessor_config.json"
    place.write_bytes((alone / "preprocessor_config.json").read_bytes())
    old = {
        name.replace("vision_model.", "vision_model.vision_model."): it
        for name, it in load_file(alone / "model.safetensors").items()
    }
    old["vision_model.vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    save_file(old, whole / "safety_checker" / "model.safetensors", metadata={"format": "pt"})
    bench = Workbench(tmp_path / "bench")
    files = bench.run(looked_at(bench, str(whole)), {"a.png": "$checked"}).files
    assert not pixels(files["a.png"]).any()
    place.unlink()
    assert refused(bench, looked_at(bench, str(whole))) == "SDF306"


def refused(bench: Workbench, nodes: Nodes) -> str:
    """The code of the only problem, which has a place in the recipe."""
    with pytest.raises(UserError) as caught:
        Workbench(bench.folder).planned(nodes, {"a.png": "$checked"})
    (problem,) = caught.value.problems
    assert problem.position is not None
    return problem.code


def test_a_preparation_for_another_network_is_refused(tmp_path: Path) -> None:
    from sdflow.models.tiny_checker import write_tiny_checker

    folder = write_tiny_checker(tmp_path / "checker")
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "crop_size": {"height": 224, "width": 224}}))
    bench = Workbench(tmp_path / "bench")
    assert refused(bench, looked_at(bench, str(folder))) == "SDF447"


def test_a_recipe_without_a_check_needs_no_checker(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = looked_at(bench, "builtin:tiny-safety-checker")
    bench.run(nodes, {"a.png": "$file"})
    assert bench.ran() == {"file"}


def test_building_it_leaves_its_description_as_it_was(tmp_path: Path) -> None:
    """Published ones say some things twice, and transformers puts these together in place."""
    from sdflow.models.load import load_component
    from sdflow.models.tiny_checker import write_tiny_checker

    folder = write_tiny_checker(tmp_path / "checker")
    path = folder / "config.json"
    config = json.loads(path.read_text())
    twice = {"text_config": {"vocab_size": 99}, "text_config_dict": {"hidden_size": 24}}
    twice["vision_config_dict"] = {**config["vision_config"]}
    config["vision_config"] |= {"top_k": 50, "torch_dtype": None}
    path.write_text(json.dumps(config | twice))
    bench = Workbench(tmp_path / "bench")
    nodes = looked_at(bench, str(folder))
    plan = bench.session.prepare(bench.compose(bench.write(nodes, {"a.png": "$checked"}))).plan
    (component,) = plan.nodes[plan.graph.names["", "checked"]].components
    before = component.digest
    load_component(component, "cpu")
    assert component.digest == before
