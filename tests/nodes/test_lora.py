"""`apply-lora`: to the bit what diffusers' pipelines compute with the same LoRAs, and never more than was asked."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sdflow.cli.main import run
from sdflow.engine.events import ModelMoved
from sdflow.graph.node import Refusal
from sdflow.models.load import load_component
from sdflow.models.lora_file import read_changes
from sdflow.models.request import AdapterRequest, ModelRequest
from sdflow.nodes.apply_lora import _refuse_nothing
from sdflow.problems import NodeFailedError, UserError
from sdflow.values import Latent, Model
from sdflow.workflow import RunResult
from tests.models.lora import (
    Factors,
    Tensors,
    as_dora,
    as_kohya,
    as_kohya_xl,
    as_old_diffusers,
    as_peft,
    random_factors,
    write,
)
from tests.nodes import embeddings
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

Pipeline = Callable[..., Any]
PROMPT = "a red fox"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(tmp_path_factory.mktemp("lora"))


def described(bench: Workbench, model: Path) -> Model:
    return bench.session.describer.model(ModelRequest(str(model)), bench.folder)


def own_modules(bench: Workbench, model: Path) -> dict[str, Any]:
    """The modules of a model, loaded by sdflow anew."""
    parts = described(bench, model).components
    return {role: load_component(part, "cpu")[0] for role, part in parts.items() if role != "scheduler"}


def own_pipeline(bench: Workbench, model: Path, scheduler: str, **loras: tuple[Tensors, Any]) -> Any:
    """diffusers' pipeline around them, with LoRAs by name, each with its weight.

    The tensors are given as they are: read from a file they would be aligned in another way, and that moves bits.
    """
    import diffusers

    parts, modules = described(bench, model).components, own_modules(bench, model)
    config = dict(parts["scheduler"].config)
    options: dict[str, Any] = {"scheduler": getattr(diffusers, scheduler).from_config(config)}
    if "text_encoder_2" in modules:
        made = diffusers.StableDiffusionXLPipeline(**modules, **options, add_watermarker=False)
    else:
        options |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        made = diffusers.StableDiffusionPipeline(**modules, **options)
    made.set_progress_bar_config(disable=True)
    for name, (tensors, _) in loras.items():
        made.load_lora_weights({key: tensor.clone() for key, tensor in tensors.items()}, adapter_name=name)
    if loras:
        made.set_adapters(list(loras), [weight for _, weight in loras.values()])
    return made


def latent_of(pipeline: Any, **options: Any) -> torch.Tensor:
    settings: dict[str, Any] = {
        "width": 32,
        "height": 32,
        "num_inference_steps": 2,
        "guidance_scale": 3.0,
        "generator": torch.Generator().manual_seed(1),
    }
    settings = {"prompt": PROMPT, "output_type": "latent", **settings, **options}
    result: torch.Tensor = pipeline(**settings).images
    return result


def with_loras(model: Path | str, *loras: Mapping[str, Any]) -> Nodes:
    """Text to image with LoRAs one over the other."""
    nodes = text_to_image(model)
    before = "$model"
    for number, fields in enumerate(loras):
        nodes[f"lora-{number}"] = {"type": "apply-lora", "model": before, **fields}
        before = f"$lora-{number}"
    return edited(nodes, {"text": {"model": before}, "sample": {"model": before}})


def drawn(bench: Workbench, nodes: Nodes, node: str = "sample") -> torch.Tensor:
    """The latent that a run of the nodes ends with."""
    result = bench.run(nodes, {"latent.safetensors": f"${node}"})
    assert not result.failed, bench.events
    return kept(bench, result, node)


def kept(bench: Workbench, result: RunResult, node: str) -> torch.Tensor:
    value = bench.session.results.value(key_of(result, node), "latent")
    assert isinstance(value, Latent)
    return value.samples


def key_of(result: RunResult, node: str) -> str:
    plan = result.prepared.plan
    return plan.keys[plan.graph.names["", node]].key


def keys(bench: Workbench, nodes: Nodes) -> dict[str, str]:
    """Keys by node, planned only."""
    prepared = bench.session.prepare(bench.compose(bench.write(nodes, {"a.png": "$image"})))
    names, plan = prepared.graph.names, prepared.plan
    return {name: plan.keys[number].key for (_, name), number in names.items() if number in plan.keys}


def factors_for(bench: Workbench, model: Path, **options: Any) -> Factors:
    roles = ("unet", "text_encoder", "text_encoder_2")
    modules = own_modules(bench, model)
    return random_factors({role: modules[role] for role in roles if role in modules}, **options)


STYLES: dict[str, tuple[Callable[[Factors], Tensors], dict[str, Any], float]] = {
    "peft": (as_peft, {}, 1.0),
    "peft, half weight": (as_peft, {}, 0.5),
    "peft, convolutions": (as_peft, {"convolutions": True}, 1.0),
    "old diffusers": (as_old_diffusers, {}, 0.8),
    "kohya": (as_kohya, {}, 1.0),
    "kohya with alpha": (lambda factors: as_kohya(factors, alpha=2.0), {}, 1.0),
    "kohya with alpha, negative": (lambda factors: as_kohya(factors, alpha=1.0), {"rank": 8}, -0.7),
    "locon": (lambda factors: as_kohya(factors, alpha=2.0), {"convolutions": True}, 1.0),
}


@pytest.mark.parametrize("style", STYLES)
def test_equal_to_the_pipeline(bench: Workbench, tiny: Path, style: str) -> None:
    written, options, weight = STYLES[style]
    tensors = written(factors_for(bench, tiny, **options))
    write(bench.folder / f"{style}.safetensors", tensors)
    ours = drawn(bench, with_loras(tiny, {"source": f"./{style}.safetensors", "weight": weight}))
    pipeline = own_pipeline(bench, tiny, "EulerDiscreteScheduler", one=(tensors, weight))
    assert torch.equal(ours, latent_of(pipeline))
    assert not torch.allclose(ours, drawn(bench, text_to_image(tiny)), atol=1e-3)


def test_dora_equal_to_the_pipeline(bench: Workbench, tiny: Path) -> None:
    """Of the UNet alone: into text encoders, transformers loads a DoRA without its magnitudes."""
    factors = {place: pair for place, pair in factors_for(bench, tiny).items() if place[0] == "unet"}
    tensors = as_dora(factors)
    write(bench.folder / "dora.safetensors", tensors)
    ours = drawn(bench, with_loras(tiny, {"source": "./dora.safetensors", "weight": 0.6, "text-encoder": 0}))
    pipeline = own_pipeline(bench, tiny, "EulerDiscreteScheduler", one=(tensors, {"unet": 0.6}))
    assert torch.equal(ours, latent_of(pipeline))


def test_equal_to_the_pipeline_that_reads_the_file_itself(bench: Workbench, tiny: Path) -> None:
    file = write(bench.folder / "file.safetensors", as_kohya(factors_for(bench, tiny), alpha=2.0))
    ours = drawn(bench, with_loras(tiny, {"source": "./file.safetensors"}))
    pipeline = own_pipeline(bench, tiny, "EulerDiscreteScheduler")
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name)
    assert torch.allclose(ours, latent_of(pipeline), atol=1e-5)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # PEFT says so of a second LoRA
def test_two_at_once_with_weights_of_their_own(bench: Workbench, tiny: Path) -> None:
    one, two = as_peft(factors_for(bench, tiny, seed=1)), as_kohya(factors_for(bench, tiny, seed=2), 3.0)
    write(bench.folder / "one.safetensors", one)
    write(bench.folder / "two.safetensors", two)
    first, second = (
        {"source": "./one.safetensors", "weight": 0.7},
        {"source": "./two.safetensors", "weight": -0.4},
    )
    ours = drawn(bench, with_loras(tiny, first, second))
    pipeline = own_pipeline(bench, tiny, "EulerDiscreteScheduler", one=(one, 0.7), two=(two, -0.4))
    assert torch.equal(ours, latent_of(pipeline))


# Fields of apply-lora, and what a user of diffusers writes.
PARTS: list[tuple[dict[str, float], dict[str, float]]] = [
    ({"unet": 0.3}, {"unet": 0.3, "text_encoder": 1.0}),
    ({"text-encoder": 0.3}, {"unet": 1.0, "text_encoder": 0.3}),
    ({"weight": 0.5, "text-encoder": -1.0}, {"unet": 0.5, "text_encoder": -1.0}),
]


@pytest.mark.parametrize(("fields", "weights"), PARTS)
def test_weights_of_components(
    bench: Workbench, tiny: Path, fields: dict[str, float], weights: dict[str, float]
) -> None:
    tensors = as_peft(factors_for(bench, tiny))
    write(bench.folder / "parts.safetensors", tensors)
    ours = drawn(bench, with_loras(tiny, {"source": "./parts.safetensors", **fields}))
    pipeline = own_pipeline(bench, tiny, "EulerDiscreteScheduler", one=(tensors, weights))
    assert torch.equal(ours, latent_of(pipeline))


@pytest.mark.parametrize("style", [as_peft, as_kohya_xl, lambda factors: as_kohya_xl(factors, 2.0)])
def test_sdxl_equal_to_the_pipeline(
    bench: Workbench, tiny_xl: Path, style: Callable[[Factors], Tensors]
) -> None:
    tensors = style(factors_for(bench, tiny_xl, convolutions=True))
    write(bench.folder / "xl.safetensors", tensors)
    fields = {"source": "./xl.safetensors", "weight": 0.8, "text-encoder-2": 0.4}
    ours = drawn(bench, with_loras(tiny_xl, fields))
    weights = {"unet": 0.8, "text_encoder": 0.8, "text_encoder_2": 0.4}
    pipeline = own_pipeline(bench, tiny_xl, "EulerDiscreteScheduler", one=(tensors, weights))
    assert torch.equal(ours, latent_of(pipeline))


def test_an_lcm_lora_with_its_sampler(bench: Workbench, tiny: Path) -> None:
    factors = {place: pair for place, pair in factors_for(bench, tiny).items() if place[0] == "unet"}
    tensors = as_kohya(factors, alpha=8.0)
    write(bench.folder / "lcm" / "pytorch_lora_weights.safetensors", tensors)
    nodes = edited(
        with_loras(tiny, {"source": "./lcm", "text-encoder": 0}),
        {"sample": {"sampler": "lcm", "steps": 4, "guidance": 1.0}},
    )
    pipeline = own_pipeline(bench, tiny, "LCMScheduler", lcm=(tensors, 1.0))
    theirs = latent_of(pipeline, num_inference_steps=4, guidance_scale=1.0)
    assert torch.equal(drawn(bench, nodes), theirs)


def test_alpha_2_at_rank_4_is_half_the_weight(bench: Workbench, tiny: Path) -> None:
    factors = factors_for(bench, tiny, rank=4)
    write(bench.folder / "alpha.safetensors", as_kohya(factors, alpha=2.0))
    write(bench.folder / "plain.safetensors", as_peft(factors))
    halved = drawn(bench, with_loras(tiny, {"source": "./alpha.safetensors"}))
    assert torch.equal(
        halved, drawn(bench, with_loras(tiny, {"source": "./plain.safetensors", "weight": 0.5}))
    )
    assert not torch.equal(halved, drawn(bench, with_loras(tiny, {"source": "./plain.safetensors"})))


def test_weight_0_is_no_lora_at_all(bench: Workbench, tiny: Path) -> None:
    write(bench.folder / "zero.safetensors", as_peft(factors_for(bench, tiny)))
    none = {"source": "./zero.safetensors", "weight": 0}
    assert keys(bench, with_loras(tiny, none)) == keys(bench, text_to_image(tiny))
    assert keys(bench, with_loras(tiny, {**none, "weight": -0.0})) == keys(bench, text_to_image(tiny))
    parts = {"source": "./zero.safetensors", "unet": 0, "text-encoder": 0.0}
    assert keys(bench, with_loras(tiny, parts)) == keys(bench, text_to_image(tiny))
    fresh = Workbench(bench.folder / "fresh")
    write(fresh.folder / "zero.safetensors", as_peft(factors_for(bench, tiny)))
    assert torch.equal(drawn(fresh, with_loras(tiny, none)), drawn(bench, text_to_image(tiny)))


# Changed fields, and the nodes that have other keys then.
EDITS: list[tuple[dict[str, Any], set[str]]] = [
    ({"weight": 0.5}, {"text", "sample", "image"}),
    ({"unet": 0.5}, {"sample", "image"}),
    ({"unet": 0}, {"sample", "image"}),
    ({"text-encoder": 0.5}, {"text", "sample", "image"}),
    ({"source": "./second.safetensors"}, {"text", "sample", "image"}),
    ({"source": "./folder"}, set()),
    ({"source": "./folder", "file": "other.safetensors"}, {"text", "sample", "image"}),
    ({"source": ".", "subfolder": "folder"}, set()),
]


@pytest.mark.parametrize(("edit", "changed"), EDITS)
def test_a_field_changes_the_keys_of_what_it_changes(
    bench: Workbench, tiny: Path, edit: dict[str, Any], changed: set[str]
) -> None:
    tensors, other = (as_peft(factors_for(bench, tiny, seed=seed)) for seed in (0, 1))
    for name in ("first.safetensors", "folder/pytorch_lora_weights.safetensors"):
        write(bench.folder / name, tensors)
    for name in ("second.safetensors", "folder/other.safetensors"):
        write(bench.folder / name, other)
    fields = {"source": "./first.safetensors"}
    before, after = (keys(bench, with_loras(tiny, it)) for it in (fields, {**fields, **edit}))
    assert {name for name in before if before[name] != after[name]} == changed


def test_the_second_text_encoder_has_a_weight_of_its_own(bench: Workbench, tiny_xl: Path) -> None:
    write(bench.folder / "second.safetensors", as_peft(factors_for(bench, tiny_xl)))
    fields = {"source": "./second.safetensors"}
    before, after = (
        keys(bench, with_loras(tiny_xl, it)) for it in (fields, {**fields, "text-encoder-2": 0.5})
    )
    assert {name for name in before if before[name] != after[name]} == {"text", "sample", "image"}


def test_beside_a_textual_inversion(bench: Workbench, tiny: Path) -> None:
    """model ─▶ load-embedding ─▶ apply-lora ─▶ …, and the other way round."""
    tensors = as_peft(factors_for(bench, tiny, seed=8))
    write(bench.folder / "both.safetensors", tensors)
    learned = embeddings.vectors(2, 32)
    file = embeddings.write(bench.folder / "fox.pt", embeddings.of_a1111(learned))
    nodes = edited(with_loras(tiny, {"source": "./both.safetensors"}), {"text": {"prompt": "a <fox> in red"}})
    word = {"type": "load-embedding", "source": "./fox.pt", "token": "<fox>"}
    after = edited({**nodes, "word": {**word, "model": "$lora-0"}}, {"text": {"model": "$word"}})
    before = edited({**nodes, "word": {**word, "model": "$model"}}, {"lora-0": {"model": "$word"}})
    pipeline = own_pipeline(bench, tiny, "EulerDiscreteScheduler", one=(tensors, 1.0))
    pipeline.load_textual_inversion(str(file), token="<fox>")
    theirs = latent_of(pipeline, prompt="a <fox> in red")
    assert torch.equal(drawn(bench, after), theirs)
    assert torch.equal(drawn(bench, before), theirs)


def test_the_order_of_two_is_in_the_key(bench: Workbench, tiny: Path) -> None:
    for number in (1, 2):
        write(bench.folder / f"{number}.safetensors", as_peft(factors_for(bench, tiny, seed=number)))
    one, two = {"source": "./1.safetensors"}, {"source": "./2.safetensors"}
    assert keys(bench, with_loras(tiny, one, two)) != keys(bench, with_loras(tiny, two, one))


def test_a_plan_says_what_lies_on_the_model_now(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    for number in (1, 2):
        write(tmp_path / f"{number}.safetensors", as_peft(factors_for(bench, tiny, seed=number)))

    def why(*loras: Mapping[str, Any]) -> str:
        path = bench.write(with_loras(tiny, *loras), {"a.png": "$image"})
        plan = bench.session.prepare(bench.compose(path)).plan
        return next(node.reason for node in plan.nodes.values() if node.item.name == "sample")

    one: dict[str, Any] = {"source": "./1.safetensors", "text-encoder": 0}
    drawn(bench, with_loras(tiny, one))
    assert why(one) == "cached"
    assert why({**one, "weight": 0.5}) == "LoRA on unet 1.0 → 0.5"
    assert why({**one, "source": "./2.safetensors"}) == "other LoRAs or embeddings on unet"
    assert why(one, {**one, "source": "./2.safetensors"}) == "other LoRAs or embeddings on unet"
    assert why() == "other LoRAs or embeddings on unet"


def test_planning_imports_none_of_the_large_libraries(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    torch.save(as_kohya(factors_for(bench, tiny), alpha=2.0), tmp_path / "style.pt")
    path = bench.write(with_loras(tiny, {"source": "./style.pt"}), {"a.png": "$image"})
    program = (
        "import sys\n"
        "from sdflow.cli.main import run\n"
        f"assert run(['plan', {str(path)!r}, '--no-cache', '--device', 'cpu']) == 0\n"
        "assert not {'torch', 'diffusers', 'transformers', 'peft'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_another_weight_for_the_unet_does_not_encode_the_prompt_again(bench: Workbench, tiny: Path) -> None:
    write(bench.folder / "unet.safetensors", as_peft(factors_for(bench, tiny, seed=5)))
    drawn(bench, with_loras(tiny, {"source": "./unet.safetensors"}))
    drawn(bench, with_loras(tiny, {"source": "./unet.safetensors", "unet": 0.123}))
    assert bench.ran() == {"sample"}


def test_two_branches_share_one_checkpoint_and_equal_two_runs(tiny: Path, tmp_path: Path) -> None:
    """
    model ──┬───────────────▶ sample
            ├─▶ lora-a ─────▶ sample-a
            └─▶ lora-b ─────▶ sample-b
    """
    both = Workbench(tmp_path / "both")
    nodes = text_to_image(tiny)
    for name, weight in (("a", 0.9), ("b", 0.6)):
        write(tmp_path / f"{name}.safetensors", as_peft(factors_for(both, tiny, seed=ord(name))))
        source = str(tmp_path / f"{name}.safetensors")
        nodes[f"lora-{name}"] = {
            "type": "apply-lora", "model": "$model", "source": source, "weight": weight,
        }  # fmt: skip
        for node in ("text", "sample"):
            nodes[f"{node}-{name}"] = {**nodes[node], "model": f"$lora-{name}"}
        nodes[f"sample-{name}"]["conditioning"] = f"$text-{name}"
    outputs = {f"{name}.safetensors": f"${name}" for name in ("sample", "sample-a", "sample-b")}
    result = both.run(nodes, outputs)
    loaded = Counter(
        event.component for event in both.events if isinstance(event, ModelMoved) and event.action == "loaded"
    )
    assert loaded == {"tokenizer": 1, "text_encoder": 1, "unet": 1, "text_encoder LoRA": 2, "unet LoRA": 2}
    for name in ("sample", "sample-a", "sample-b"):
        alone = Workbench(tmp_path / f"alone-{name}")
        single = alone.run(nodes, {"latent.safetensors": f"${name}"})
        assert torch.equal(kept(both, result, name), kept(alone, single, name)), name


def refusal(bench: Workbench, nodes: Nodes) -> tuple[str, str, int, str]:
    """Code, message, line and word of the only problem of a recipe."""
    path = bench.write(nodes, {"a.png": "$image"})
    with pytest.raises(UserError) as refused:
        bench.session.prepare(bench.compose(path))
    (problem,) = refused.value.problems
    assert problem.position is not None
    line = path.read_text().splitlines()[problem.position.line - 1]
    return problem.code, problem.message, problem.position.line, line.strip().partition(":")[0]


# Tensors for cross-attention of a width, fields, and the code, the message and the field that are told.
REFUSED: list[tuple[int, dict[str, Any], str, str, str]] = [
    (2048, {}, "SDF331", "this LoRA is for SDXL, the model is another one", "source"),
    (768, {}, "SDF331", "this LoRA is for SD 1.x, the model is another one", "source"),
    (48, {}, "SDF331", "this LoRA is for a UNet that takes text of width 48; the model's takes 32", "source"),
    (32, {"text-encoder-2": 1.0}, "SDF214", "the model has no second text encoder", "text-encoder-2"),
    (32, {"text-encoder": 0.5}, "SDF214", "this LoRA changes nothing in the text encoder", "text-encoder"),
    (32, {"source": "./gone.safetensors"}, "SDF302", "there is no file `./gone.safetensors`", "source"),
    (32, {"weight": 1e300}, "SDF204", "100", "weight"),
    (32, {"file": "a.safetensors"}, "SDF302", "is a file, and holds no `a.safetensors`", "file"),
    (32, {"revision": "main"}, "SDF311", "only a hub model has a revision", "revision"),
    (32, {"sha256": "0" * 64}, "SDF319", "is another file than the recipe means", "sha256"),
]


@pytest.mark.parametrize(("width", "fields", "code", "message", "field"), REFUSED)
def test_what_cannot_work_is_refused_before_anything_loads(
    bench: Workbench, tiny: Path, width: int, fields: dict[str, Any], code: str, message: str, field: str
) -> None:
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {
        f"{layer}.lora_down.weight": torch.ones(1, width),
        f"{layer}.lora_up.weight": torch.ones(64, 1),
    }
    write(bench.folder / f"of-{width}.safetensors", tensors)
    nodes = with_loras(tiny, {"source": f"./of-{width}.safetensors", **fields})
    found = refusal(bench, nodes)
    assert found[0] == code
    assert message in found[1]
    assert found[3] == field


def test_a_lora_for_sdxl_tells_the_family_of_the_model(bench: Workbench, tiny_xl: Path) -> None:
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {f"{layer}.lora_down.weight": torch.ones(1, 768), f"{layer}.lora_up.weight": torch.ones(64, 1)}
    write(bench.folder / "sd1.safetensors", tensors)
    found = refusal(bench, with_loras(tiny_xl, {"source": "./sd1.safetensors"}))
    assert found[:2] == ("SDF331", "this LoRA is for SD 1.x, the model is SDXL")


def test_a_lora_for_parts_that_the_model_lacks(bench: Workbench, tiny: Path) -> None:
    layer = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
    tensors = {f"{layer}.lora_down.weight": torch.ones(1, 32), f"{layer}.lora_up.weight": torch.ones(32, 1)}
    source = write(bench.folder / "text.safetensors", tensors)
    lora = bench.session.describer.adapter(AdapterRequest("lora", f"./{source.name}"), bench.folder)
    model = described(bench, tiny)
    without = replace(model, components={k: v for k, v in model.components.items() if k != "text_encoder"})
    _refuse_nothing(model, lora)
    with pytest.raises(Refusal, match="changes nothing in the model: it is for the text encoder") as refused:
        _refuse_nothing(without, lora)
    assert refused.value.code == "SDF331"


def test_one_lora_twice_is_refused(bench: Workbench, tiny: Path) -> None:
    write(bench.folder / "twice.safetensors", as_peft(factors_for(bench, tiny)))
    once = {"source": "./twice.safetensors"}
    assert refusal(bench, with_loras(tiny, once, once))[:2] == ("SDF214", "this LoRA is on the model already")
    parts = with_loras(tiny, {**once, "unet": 0}, {**once, "text-encoder": 0})
    assert keys(bench, parts) == keys(bench, with_loras(tiny, once)), "one for each part is one for both"


def test_a_pickle_with_a_payload_ends_with_exit_code_2(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (tmp_path / "executed",)

    bench = Workbench(tmp_path)
    torch.save({"lora_unet_conv_in.lora_down.weight": Payload()}, tmp_path / "bad.pt")
    recipe = bench.write(with_loras(tiny, {"source": "./bad.pt"}), {"a.png": "$image"})
    assert (
        run(["run", str(recipe), "--cache", str(tmp_path / "cache"), "-o", str(tmp_path), "--device", "cpu"])
        == 2
    )
    said = capfd.readouterr().err
    assert "SDF316" in said
    assert "Traceback" not in said
    assert not (tmp_path / "executed").exists()


def test_a_file_that_changes_during_a_run_is_planned_again(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sdflow.models import load_lora as loading

    bench = Workbench(tmp_path)
    old, new = (as_peft(factors_for(bench, tiny, seed=seed)) for seed in (1, 2))
    file = write(tmp_path / "style.safetensors", old)
    genuine = loading.load_lora
    calls: list[str] = []

    def replaced_meanwhile(module: Any, component: Any, adapter: Any, device: Any) -> Any:
        if not calls:
            write(file, new)
        calls.append(adapter.file.digest)
        return genuine(module, component, adapter, device)

    monkeypatch.setattr(loading, "load_lora", replaced_meanwhile)
    ours = drawn(bench, with_loras(tiny, {"source": "./style.safetensors"}))
    assert len(set(calls)) == 2
    fresh = Workbench(tmp_path / "fresh")
    write(fresh.folder / "style.safetensors", new)
    assert torch.equal(ours, drawn(fresh, with_loras(tiny, {"source": "./style.safetensors"})))


def test_the_ending_may_be_in_capitals(tiny: Path, tmp_path: Path) -> None:
    """Each with a cache of its own: equal bytes have equal keys, and the second would not be read."""
    latents = []
    for name in ("small.safetensors", "LARGE.SAFETENSORS"):
        bench = Workbench(tmp_path / name)
        write(bench.folder / name, as_peft(factors_for(bench, tiny)))
        latents.append(drawn(bench, with_loras(tiny, {"source": f"./{name}"})))
    assert torch.equal(*latents)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("[]", "its metadata is no mapping"),
        ('{"unet.lora_alpha": "x"}', "is no number"),
        ('{"unet.lora_alpha": [1]}', "is no number"),
        ('{"unet.alpha_pattern": 3}', "is no number"),
        ('{"unet.lora_alpha": NaN}', "is no number"),
    ],
)
def test_metadata_that_peft_does_not_write(bench: Workbench, tiny: Path, metadata: str, said: str) -> None:
    module = own_modules(bench, tiny)["unet"]
    file = bench.folder / "metadata.safetensors"
    write(file, as_peft(factors_for(bench, tiny)), {"lora_adapter_metadata": metadata})
    with pytest.raises(NodeFailedError, match=said):
        read_changes(file, "unet", module)


def test_an_alpha_that_is_no_number(bench: Workbench, tiny: Path) -> None:
    module = own_modules(bench, tiny)["unet"]
    file = write(bench.folder / "nan.safetensors", as_kohya(factors_for(bench, tiny), float("nan")))
    with pytest.raises(NodeFailedError, match="an alpha of nan"):
        read_changes(file, "unet", module)
