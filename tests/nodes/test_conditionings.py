"""Combined, blended, joined, limited and regional prompts in recipes: what they keep to, and what they draw."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from sdflow.provenance.parameters import parse_parameters
from sdflow.values import Conditioning, Encoded, Latent, Mask
from tests.nodes.workbench import Nodes, Workbench, text_to_image

torch = pytest.importorskip("torch")


def prompts(model: Path, steps: int = 4, sampler: str = "ddim") -> Nodes:
    """A fox and an owl with one negative prompt, a denoise for the fox."""
    nodes = text_to_image(model)
    nodes["text"]["negative"] = "fog"
    nodes["more"] = {**nodes["text"], "prompt": "an owl in a tree"}
    nodes["sample"] |= {"steps": steps, "sampler": sampler}
    del nodes["image"]
    return nodes


def sampled(nodes: Nodes, conditioning: str, **fields: Any) -> dict[str, Any]:
    """The denoise of these nodes with another conditioning."""
    return {**nodes["sample"], "conditioning": conditioning, **fields}


def made(bench: Workbench, nodes: Nodes, *names: str) -> list[bytes]:
    """Run up to these nodes; their first outputs as they are stored."""
    result = bench.run(nodes, {f"{name}.safetensors": f"${name}" for name in names})
    assert not result.failed
    registry = bench.session.registry
    ports = [next(iter(registry.get(nodes[name]["type"]).outputs)) for name in names]  # type: ignore[union-attr]  # all are there
    return [bench.bytes_of(result, name, port) for name, port in zip(names, ports, strict=True)]


def latents(bench: Workbench, nodes: Nodes, *names: str) -> list[Any]:
    """The samples of these denoise nodes."""
    return [Latent.decode(Encoded.from_bytes(raw)).samples for raw in made(bench, nodes, *names)]


def conditioning_of(raw: bytes) -> Conditioning:
    return Conditioning.decode(Encoded.from_bytes(raw))


def close(one: Any, other: Any) -> bool:
    """Equal up to the rounding of batches of different sizes: two millionths of the largest value."""
    return float((one - other).abs().max()) <= 2e-6 * float(other.abs().max())


def test_a_prompt_combined_with_itself_is_itself(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    nodes["twice"] = {"type": "combine-conditioning", "conditionings": ["$text", "$text"]}
    nodes["again"] = sampled(nodes, "$twice")
    one, other = latents(Workbench(tmp_path), nodes, "sample", "again")
    assert torch.equal(one, other)


def test_equal_negative_prompts_are_asked_for_once(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    nodes["other"] = {**nodes["text"], "prompt": "a boat", "negative": "people"}
    nodes["all"] = {"type": "combine-conditioning", "conditionings": ["$text", "$more", "$other"]}
    (raw,) = made(Workbench(tmp_path), nodes, "all")
    found = conditioning_of(raw)
    assert [entry.strength for entry in found.positive] == [1, 1, 1]
    assert [entry.strength for entry in found.negative] == [2, 1]


def test_a_prompt_in_both_halves_is_the_prompt(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    halves = {"left": {"width": 0.5}, "right": {"left": 0.5}}
    for name, area in halves.items():
        nodes[name] = {"type": "regional-conditioning", "conditioning": "$text", "area": area}
    nodes["both"] = {"type": "combine-conditioning", "conditionings": ["$left", "$right"]}
    nodes["again"] = sampled(nodes, "$both")
    one, other = latents(Workbench(tmp_path), nodes, "sample", "again")
    assert close(other, one)


def test_regions_draw_where_they_are(toybox: Path, tmp_path: Path) -> None:
    """Each half is nearer to the picture of its own prompt than to that of the other."""
    nodes = prompts(toybox, steps=8)
    nodes["text"]["prompt"], nodes["more"]["prompt"] = "a red ball on grass", "a blue car in the snow"
    nodes["noise"] |= {"width": 128, "height": 128}
    nodes["left"] = {"type": "regional-conditioning", "conditioning": "$text", "area": {"width": 0.5}}
    nodes["right"] = {"type": "regional-conditioning", "conditioning": "$more", "area": {"left": 0.5}}
    nodes["both"] = {"type": "combine-conditioning", "conditionings": ["$left", "$right"]}
    nodes["other"] = sampled(nodes, "$more")
    nodes["regions"] = sampled(nodes, "$both")
    left, right, both = latents(Workbench(tmp_path), nodes, "sample", "other", "regions")
    half = both.shape[-1] // 2
    for part, own, foreign in ((slice(half), left, right), (slice(half, None), right, left)):
        to_own, to_foreign = (float((both - it)[..., part].std()) for it in (own, foreign))
        assert to_own < 0.8 * to_foreign


def test_a_mask_and_its_inverse_are_two_halves(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    Pillow.new("L", (64, 64), 0).save(tmp_path / "mask.png")
    with Pillow.open(tmp_path / "mask.png") as picture:
        picture.paste(255, (0, 0, 32, 64))
        picture.save(tmp_path / "mask.png")
    for name, text, invert, area in (
        ("a", "$text", False, {"width": 0.5}),
        ("b", "$more", True, {"left": 0.5}),
    ):
        nodes[f"mask-{name}"] = {"type": "load-mask", "path": "mask.png", "invert": invert}
        nodes[f"masked-{name}"] = {
            "type": "regional-conditioning",
            "conditioning": text,
            "mask": f"$mask-{name}",
        }
        nodes[f"part-{name}"] = {"type": "regional-conditioning", "conditioning": text, "area": area}
    for kind in ("masked", "part"):
        nodes[kind] = {"type": "combine-conditioning", "conditionings": [f"${kind}-a", f"${kind}-b"]}
        nodes[f"{kind}-sample"] = sampled(nodes, f"${kind}")
    one, other = latents(Workbench(tmp_path), nodes, "masked-sample", "part-sample")
    assert torch.equal(one, other)


def test_limited_to_all_steps_is_not_limited(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    nodes["always"] = {"type": "limit-conditioning", "conditioning": "$text", "from": 0.0, "until": 1.0}
    one, other = made(Workbench(tmp_path), nodes, "text", "always")
    assert one == other


def test_prompts_for_two_spans_are_two_denoise_nodes(tiny: Path, tmp_path: Path) -> None:
    # noise ─▶ first (to step 2, the fox) ─▶ second (the owl)    the same as    noise ─▶ scheduled
    nodes = prompts(tiny)
    nodes["early"] = {"type": "limit-conditioning", "conditioning": "$text", "until": 0.5}
    nodes["late"] = {"type": "limit-conditioning", "conditioning": "$more", "start-step": 2}
    nodes["both"] = {"type": "combine-conditioning", "conditionings": ["$early", "$late"]}
    nodes["scheduled"] = sampled(nodes, "$both")
    nodes["first"] = sampled(nodes, "$text", **{"end-step": 2})
    nodes["second"] = sampled(nodes, "$more", latent="$first")
    nodes["half"] = sampled(nodes, "$both", **{"end-step": 3})
    nodes["rest"] = sampled(nodes, "$both", latent="$half")
    one, *others = made(Workbench(tmp_path), nodes, "scheduled", "second", "rest")
    assert others == [one, one]


@pytest.mark.parametrize("sampler", ["dpm++-2m", "pndm"])
def test_states_of_a_scheduled_prompt_go_on_to_the_bit(tiny: Path, tmp_path: Path, sampler: str) -> None:
    nodes = prompts(tiny, steps=5, sampler=sampler)
    nodes["early"] = {"type": "limit-conditioning", "conditioning": "$text", "end-step": 2}
    nodes["late"] = {"type": "limit-conditioning", "conditioning": "$more", "start-step": 2}
    nodes["both"] = {"type": "combine-conditioning", "conditionings": ["$early", "$late"]}
    nodes["sample"] = sampled(nodes, "$both")
    nodes["way"] = {"type": "preview", "model": "$model", "of": "$sample.trajectory", "at": [4]}
    whole = Workbench(tmp_path / "whole")
    state = whole.bytes_of(whole.run(nodes, {"way.png": "$way"}), "way", "latent")
    parts = Workbench(tmp_path / "parts")
    parts.run({**nodes, "way": {**nodes["way"], "at": [1]}}, {"way.png": "$way", "a.safetensors": "$sample"})
    result = parts.run(nodes, {"way.png": "$way"})
    progress = [event.to_json() for event in parts.events if event.name == "node-progress"]
    assert [event["done"] for event in progress if event["node"] == "sample"] == [2, 3, 4]
    assert parts.bytes_of(result, "way", "latent") == state


def test_a_step_without_a_negative_is_done_without_guidance(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    nodes["early"] = {
        "type": "limit-conditioning",
        "conditioning": "$text",
        "end-step": 2,
        "side": "negative",
    }
    nodes["limited"] = sampled(nodes, "$early")
    nodes["first"] = sampled(nodes, "$text", **{"end-step": 2})
    nodes["second"] = sampled(nodes, "$text", latent="$first", guidance=1.0)
    one, other = made(Workbench(tmp_path), nodes, "limited", "second")
    assert one == other


def test_the_ends_of_an_average_are_its_prompts(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    for name, weight in (("zero", 0.0), ("one", 1.0), ("half", 0.5)):
        nodes[name] = {
            "type": "average-conditioning",
            "first": "$text",
            "second": "$more",
            "weight": weight,
        }
    first, second, zero, one, half = made(Workbench(tmp_path), nodes, "text", "more", "zero", "one", "half")
    assert (zero, one) == (first, second)
    middle, ends = conditioning_of(half), [conditioning_of(first), conditioning_of(second)]
    mean = sum(end.positive[0].embeddings for end in ends) / 2
    assert torch.allclose(middle.positive[0].embeddings, mean, atol=1e-6)


def test_of_an_average_the_shorter_prompt_gets_zeros(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    nodes["long"] = {**nodes["text"], "prompt": "owl " * 100, "long": "chunk"}
    nodes["mixed"] = {"type": "average-conditioning", "first": "$text", "second": "$long", "weight": 0.25}
    short, long, mixed = (
        conditioning_of(raw) for raw in made(Workbench(tmp_path), nodes, "text", "long", "mixed")
    )
    found = mixed.positive[0].embeddings
    assert found.shape == long.positive[0].embeddings.shape
    beginning = 0.75 * short.positive[0].embeddings + 0.25 * long.positive[0].embeddings[:, :77]
    assert torch.allclose(found[:, :77], beginning, atol=1e-6)
    assert torch.allclose(found[:, 77:], 0.25 * long.positive[0].embeddings[:, 77:], atol=1e-6)


def test_a_prompt_joined_to_itself_draws_the_same(tiny: Path, tmp_path: Path) -> None:
    """Attention does not notice tokens that all stand there twice."""
    nodes = prompts(tiny)
    nodes["twice"] = {"type": "concat-conditioning", "conditionings": ["$text", "$text"]}
    nodes["other"] = {"type": "concat-conditioning", "conditionings": ["$text", "$more"]}
    nodes["again"], nodes["longer"] = sampled(nodes, "$twice"), sampled(nodes, "$other")
    one, again, longer = latents(Workbench(tmp_path), nodes, "sample", "again", "longer")
    assert close(again, one)
    assert not torch.allclose(longer, one, atol=1e-2)


def test_joined_prompts_are_those_of_the_pipeline_given_the_longer_embeddings(
    tiny: Path, tmp_path: Path
) -> None:
    from tests.nodes.test_parity import sdflows_own

    nodes = prompts(tiny)
    nodes["longer"] = {"type": "concat-conditioning", "conditionings": ["$text", "$more"]}
    nodes["joined"] = sampled(nodes, "$longer")
    text, more, raw = made(Workbench(tmp_path), nodes, "text", "more", "joined")
    parts = [conditioning_of(it) for it in (text, more)]
    theirs = sdflows_own("StableDiffusionPipeline", tiny, "DDIMScheduler")(
        prompt_embeds=torch.cat([part.positive[0].embeddings for part in parts], dim=1),
        negative_prompt_embeds=torch.cat([part.negative[0].embeddings for part in parts], dim=1),
        width=32,
        height=32,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(1),
        output_type="latent",
    ).images
    assert torch.equal(Latent.decode(Encoded.from_bytes(raw)).samples, theirs)


def test_zeros_are_those_of_the_pipeline_given_zeros(tiny: Path, tmp_path: Path) -> None:
    from tests.nodes.test_parity import sdflows_own

    nodes = prompts(tiny)
    nodes["unprompted"] = {"type": "zero-conditioning", "conditioning": "$text"}
    nodes["sample"] = sampled(nodes, "$unprompted")
    text, raw = made(Workbench(tmp_path), nodes, "text", "sample")
    embeddings = conditioning_of(text).positive[0].embeddings
    theirs = sdflows_own("StableDiffusionPipeline", tiny, "DDIMScheduler")(
        prompt_embeds=embeddings,
        negative_prompt_embeds=torch.zeros_like(embeddings),
        width=32,
        height=32,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(1),
        output_type="latent",
    ).images
    assert torch.equal(Latent.decode(Encoded.from_bytes(raw)).samples, theirs)


CHANNELS = {"luminance": "L", "red": "R", "green": "G", "blue": "B", "alpha": "A"}


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("invert", [False, True])
def test_a_mask_is_what_pillow_reads(tmp_path: Path, channel: str, *, invert: bool) -> None:
    rng = np.random.default_rng(3)
    picture = Pillow.fromarray(rng.integers(0, 256, (6, 9, 4), dtype=np.uint8))
    picture.save(tmp_path / "in.png")
    nodes: Nodes = {"mask": {"type": "load-mask", "path": "in.png", "channel": channel, "invert": invert}}
    bench = Workbench(tmp_path)
    result = bench.run(nodes, {"out.png": "$mask"})
    theirs = np.asarray(
        picture.convert("RGB").convert("L")
        if channel == "luminance"
        else picture.getchannel(CHANNELS[channel])
    )
    found = Mask.decode(Encoded.from_bytes(bench.bytes_of(result, "mask", "mask"))).pixels
    assert np.array_equal(found, (255 - theirs if invert else theirs)[None])
    assert np.array_equal(np.asarray(Pillow.open(result.files["out.png"]).convert("L")), found[0])


def test_what_is_planned_is_what_comes_out(tiny: Path, tmp_path: Path) -> None:
    from tests.nodes.test_keys import conditionings, write_pictures

    write_pictures(tmp_path)
    nodes = {**prompts(tiny), **conditionings()}
    names = [name for name, fields in conditionings().items() if fields["type"] != "load-mask"]
    bench = Workbench(tmp_path)
    result = bench.run(nodes, {f"{name}.safetensors": f"${name}" for name in names})
    for name in names:
        planned = result.prepared.plan.inferred[result.prepared.graph.names["", name]]["conditioning"]
        assert conditioning_of(bench.bytes_of(result, name, "conditioning")).spec() == planned, name


def test_planning_regions_imports_no_torch(tiny: Path, tmp_path: Path) -> None:
    from tests.nodes.test_keys import conditionings, write_pictures

    write_pictures(tmp_path)
    nodes = {**prompts(tiny), **conditionings()}
    nodes["sample"] = sampled(nodes, "$all")
    recipe = Workbench(tmp_path).write(nodes, {"a.safetensors": "$sample"})
    code = (
        "import sys; from sdflow.cli.main import run; assert run(sys.argv[1:]) == 0; "
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    arguments = ["plan", str(recipe), "--cache", str(tmp_path / "cache"), "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_a_step_costs_is_what_is_asked_for_in_it(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    nodes["early"] = {"type": "limit-conditioning", "conditioning": "$text", "until": 0.5}
    nodes["both"] = {"type": "combine-conditioning", "conditionings": ["$early", "$more"]}
    nodes["regions"] = sampled(nodes, "$both", guidance=1.0)
    nodes["plain"] = sampled(nodes, "$text", guidance=1.0)
    bench = Workbench(tmp_path)
    outputs = {f"{name}.safetensors": f"${name}" for name in ("regions", "plain")}
    plan = bench.session.prepare(bench.compose(bench.write(nodes, outputs))).plan
    regions, plain = (plan.nodes[plan.graph.names["", name]].cost for name in ("regions", "plain"))
    assert regions.work == plain.work / 4 * (2 + 2 + 1 + 1)
    assert regions.activations == 2 * plain.activations


def test_a_picture_names_all_prompts_that_it_was_drawn_by(tiny: Path, tmp_path: Path) -> None:
    nodes = prompts(tiny)
    nodes["other"] = {**nodes["text"], "prompt": "a boat", "negative": "people"}
    nodes["all"] = {"type": "combine-conditioning", "conditionings": ["$text", "$more", "$other"]}
    nodes["sample"] = sampled(nodes, "$all")
    nodes["image"] = {"type": "decode", "model": "$model", "latent": "$sample"}
    result = Workbench(tmp_path).run(nodes, {"a.png": "$image"})
    with Pillow.open(result.files["a.png"]) as picture:
        said = parse_parameters(picture.info["parameters"])
    assert said["prompt"] == "a red fox AND an owl in a tree AND a boat"
    assert said["negative"] == "fog, people"
