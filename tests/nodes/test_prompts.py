"""Prompt languages in recipes: what a schedule draws, what a plan says, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from sdflow.cli.plan_text import plan_json, plan_text
from sdflow.problems import UserError
from sdflow.values import ConditioningSpec
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

pytest.importorskip("torch")

LATENT = {"a.safetensors": "$sample"}
DEEP = "a " + "(" * 101 + "red" + ")" * 101
LONG = ", ".join(["a photograph of a horse on the moon"] * 20)  # 199 tokens


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(tmp_path_factory.mktemp("prompts"))


def said(model: Path, prompt: str, weighting: str = "a1111", **fields: Any) -> Nodes:
    return edited(
        text_to_image(model),
        {"text": {"prompt": prompt, "weighting": weighting, **fields}, "sample": {"steps": 6}},
    )


def latent(bench: Workbench, nodes: Nodes, node: str = "sample") -> bytes:
    return bench.bytes_of(bench.run(nodes, {"a.safetensors": f"${node}"}), node, "latent")


@pytest.mark.parametrize("sampler", ["euler", "euler-ancestral", "ddim"])
def test_a_scheduled_prompt_is_two_prompts_in_two_parts(bench: Workbench, tiny: Path, sampler: str) -> None:
    """By hand: steps 0 to 2 with the first text, the others with the second, for samplers without history."""
    nodes = edited(said(tiny, "a [red:blue:2] fox"), {"sample": {"sampler": sampler}})
    by_hand = edited(said(tiny, "a red fox", "plain"), {"sample": {"sampler": sampler, "end-step": 2}})
    by_hand["other"] = {**by_hand["text"], "prompt": "a blue fox"}
    by_hand["rest"] = {
        **by_hand["sample"],
        "conditioning": "$other",
        "latent": "$sample",
        "start-step": 2,
        "end-step": 6,
    }
    assert latent(bench, nodes) == latent(bench, by_hand, "rest")
    whole = edited(said(tiny, "a red fox", "plain"), {"sample": {"sampler": sampler}})
    assert latent(bench, nodes) != latent(bench, whole)


def test_a_fraction_is_that_of_the_steps(bench: Workbench, tiny: Path) -> None:
    assert latent(bench, said(tiny, "a [red:blue:0.35] fox")) == latent(
        bench, said(tiny, "a [red:blue:2] fox")
    )


def test_a_schedule_that_never_comes_true_changes_nothing(bench: Workbench, tiny: Path) -> None:
    assert latent(bench, said(tiny, "a [red:blue:6] fox")) == latent(bench, said(tiny, "a red fox", "plain"))


def test_alternating_words_take_turns(bench: Workbench, tiny: Path) -> None:
    nodes = said(tiny, "a [red|blue] fox")
    by_hand = said(tiny, "a red fox", "plain")
    by_hand["blue"] = {**by_hand["text"], "prompt": "a blue fox"}
    first = by_hand.pop("sample")
    for step in range(6):
        by_hand[f"step-{step}"] = {
            **first,
            "conditioning": "$blue" if step % 2 else "$text",
            "latent": f"$step-{step - 1}" if step else "$noise",
            "end-step": step + 1,
            **({"start-step": step} if step else {}),
        }
    by_hand.pop("image")
    assert latent(bench, nodes) == latent(bench, by_hand, "step-5")


def test_the_negative_prompt_has_the_same_language(bench: Workbench, tiny: Path) -> None:
    nodes = said(tiny, "a fox", negative="(fog:1.5), [grey:green:3]")
    assert latent(bench, nodes) != latent(bench, edited(nodes, {"text": {"negative": "fog, grey"}}))
    plan = bench.session.prepare(bench.compose(bench.write(nodes, LATENT))).plan
    spec: Any = plan.inferred[plan.graph.names["", "text"]]["conditioning"]
    assert (len(spec.positive), len(spec.negative)) == (1, 2)


@pytest.mark.parametrize("weighting", ["plain", "a1111", "comfy", "compel"])
def test_the_last_of_two_hundred_tokens_changes_the_picture(
    bench: Workbench, tiny: Path, weighting: str
) -> None:
    pictures = []
    for last in ("cat", "dog"):
        nodes = said(tiny, f"{LONG}, {last}", weighting, long="chunk")
        path = bench.run(nodes, {f"{weighting}-{last}.png": "$image"}).files[f"{weighting}-{last}.png"]
        with Pillow.open(path) as picture:
            pictures.append(np.asarray(picture))
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize("weighting", ["plain", "a1111", "comfy", "compel"])
@pytest.mark.parametrize("long", ["truncate", "chunk"])
def test_what_a_plan_foresees_is_what_comes_out(
    bench: Workbench, tiny: Path, weighting: str, long: str
) -> None:
    nodes = said(tiny, f"a fox. {LONG}, (cat)1.3", weighting, long=long, negative="fog")
    result = bench.run(nodes, {"c.safetensors": "$text"})
    plan = result.prepared.plan
    number = plan.graph.names["", "text"]
    value: Any = bench.session.results.value(plan.keys[number].key, "conditioning")
    assert value.spec() == plan.inferred[number]["conditioning"]


def test_the_plan_tells_tokens_chunks_and_the_cut(bench: Workbench, tiny: Path) -> None:
    def plans(nodes: Nodes) -> tuple[str, Any]:
        prepared = bench.session.prepare(bench.compose(bench.write(nodes, LATENT)))
        lines = plan_text(prepared, verbose=False, width=200).splitlines()
        (line,) = [it for it in lines if it.startswith("prompt ")]
        return line, json.loads(plan_json(prepared))["prompts"]

    line, notes = plans(said(tiny, "a red fox", "plain", negative="fog"))
    assert line.split(maxsplit=1)[1] == "text: prompt 4 tokens, negative 2 tokens"
    assert notes[1] == {
        "node": "text",
        "field": "negative",
        "tokens": 2,
        "room": 75,
        "chunks": 1,
        "cut": None,
    }
    line, _ = plans(said(tiny, LONG, "a1111", long="chunk"))
    assert line.endswith("text: prompt 199 tokens in 3 chunks")
    line, notes = plans(said(tiny, LONG, "plain", long="truncate"))
    assert line.endswith("text: prompt 199 tokens, cut at: …otograph of a horse |on the moon, a photo…")
    assert notes[0]["chunks"] == 1


def test_a_short_negative_beside_a_long_prompt_of_comfy(bench: Workbench, tiny: Path) -> None:
    """It is not filled up with empty chunks, the plan knows, and it counts."""
    nodes = said(tiny, LONG, "comfy", long="chunk", negative="fog")
    nodes["sky"] = {**nodes["text"], "negative": "sky"}
    nodes["changed"] = {**nodes["sample"], "conditioning": "$sky"}
    plan = bench.session.prepare(bench.compose(bench.write(nodes, LATENT))).plan
    spec = plan.inferred[plan.graph.names["", "text"]]["conditioning"]
    assert isinstance(spec, ConditioningSpec)
    assert [entry.tokens for entry in (*spec.positive, *spec.negative)] == [77 * 3, 77]
    assert latent(bench, nodes) != latent(bench, nodes, "changed")


def test_one_prompt_with_a_negative_for_each_item(bench: Workbench, tiny: Path) -> None:
    short = edited(said(tiny, "a red fox", negative=["fog", "sky"]), {"noise": {"batch": 2}})
    full = edited(short, {"text": {"prompt": ["a red fox", "a red fox"]}})
    assert latent(bench, short) == latent(bench, full)
    assert latent(bench, short) != latent(bench, edited(short, {"text": {"negative": ["fog", "fog"]}}))


def test_no_negative_prompt_is_an_empty_one(bench: Workbench, tiny: Path) -> None:
    nodes = said(tiny, "a red fox", negative="")
    nodes["bare"] = {key: value for key, value in nodes["text"].items() if key != "negative"}
    nodes["other"] = {**nodes["text"], "negative": "fog"}
    nodes["drawn"] = {**nodes["sample"], "conditioning": "$bare"}
    nodes["foggy"] = {**nodes["sample"], "conditioning": "$other"}
    outputs = {f"{name}.safetensors": f"${name}" for name in ("sample", "drawn", "foggy")}
    plan = bench.session.prepare(bench.compose(bench.write(nodes, outputs))).plan
    sample, drawn, foggy = (
        plan.keys[plan.graph.names["", name]].key for name in ("sample", "drawn", "foggy")
    )
    assert sample == drawn != foggy


REFUSED = [
    ({"prompt": DEEP, "weighting": "comfy"}, "SDF421", "a hundred brackets, at character 103: …"),
    ({"prompt": "a", "negative": DEEP, "weighting": "comfy"}, "SDF421", "negative is no prompt"),
    ({"prompt": "[a|b][a|b|c][a|b|c|d|e][a|b|c|d|e|f|g]", "weighting": "a1111"}, "SDF421", "more than 64"),
    ({"prompt": ["[a|b|c|d|e|f|g]", "[a|b|c|d|e|f|g|h|i|j]"], "weighting": "a1111"}, "SDF421", "together"),
    ({"prompt": "in (the year:2023)", "weighting": "a1111"}, "SDF421", "a weight of 2023 is far too large"),
    ({"prompt": f"(a:{'9' * 400})", "weighting": "a1111"}, "SDF421", "a weight of inf is far too large"),
    ({"prompt": "a (b:1e30)", "weighting": "comfy"}, "SDF421", "too large, at character 4: a (|b:1e30)"),
    ({"prompt": "(a cat)5000", "weighting": "compel"}, "SDF421", "a weight of 5000 is far too large"),
    ({"prompt": '("a","b").blend(1)', "weighting": "compel"}, "SDF421", "compel cannot read it"),
    ({"prompt": "a cat.swap(dog)", "weighting": "compel"}, "SDF421", ".swap"),
    ({"prompt": "withLora(x, 1) cat", "weighting": "compel"}, "SDF421", "LoRA out: use an `apply-lora` node"),
    ({"prompt": "embedding:Nice cat", "weighting": "comfy"}, "SDF423", "no embedding `Nice`"),
    ({"prompt": LONG, "weighting": "a1111"}, "SDF211", "199 tokens and the text encoder takes 75"),
    ({"prompt": f"a BREAK [b:{LONG}:3]", "weighting": "a1111"}, "SDF211", "it ends at: …"),
    ({"prompt": LONG, "weighting": "compel"}, "SDF211", "199 tokens"),
    ({"prompt": LONG, "weighting": "comfy"}, "SDF211", "199 tokens"),
]


@pytest.mark.parametrize(("fields", "code", "words"), REFUSED)
def test_what_a_language_does_not_allow_is_refused_while_planning(
    bench: Workbench, tiny: Path, fields: dict[str, Any], code: str, words: str
) -> None:
    nodes = edited(text_to_image(tiny), {"text": fields})
    with pytest.raises(UserError) as caught:
        bench.session.prepare(bench.compose(bench.write(nodes, LATENT)))
    (problem,) = caught.value.problems
    assert problem.code == code
    assert words in problem.message
    assert problem.position is not None


def test_without_the_package_compel_is_refused_with_a_hint(
    bench: Workbench, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdflow.nodes.prompt_lengths.compel_is_there", lambda: False)
    with pytest.raises(UserError, match="SDF422") as caught:
        bench.session.prepare(bench.compose(bench.write(said(tiny, "a cat++", "compel"), LATENT)))
    assert caught.value.problems[0].hint == "pip install 'sdflow[compel]', or another weighting"
