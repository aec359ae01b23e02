"""The nearest earlier result, with what differs told at the node where it arises.

one ─┐
     ├▶ sum ──▶ top        `top` is asked about
two ─┘
"""

from pathlib import Path

import pytest

from sdflow.composing import compose_file
from sdflow.nodes.builtin import default_registry
from sdflow.recipe import Changes
from sdflow.review.ancestry import way_of
from sdflow.review.nearest import Near, Neighbours
from sdflow.workflow import Session, Settings
from tests.cli.conftest import REGISTRY, SUM


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "sum.yaml").write_text(SUM)
    return Session(Settings(device="cpu", cache=tmp_path / "cache"), REGISTRY)


def run(session: Session, tmp_path: Path, *fields: str, name: str = "sum.yaml") -> None:
    session.run(compose_file(tmp_path / name, Changes(fields=fields), REGISTRY))


def near(session: Session, tmp_path: Path, node: str, *fields: str) -> tuple[Near, ...]:
    prepared = session.prepare(compose_file(tmp_path / "sum.yaml", Changes(fields=fields), REGISTRY))
    return Neighbours(prepared.plan, session.store).of(prepared.graph.named(node)[0])


def told(it: Near) -> list[tuple[str, str, object, object, tuple[str, ...]]]:
    return [(d.node, d.what, d.before, d.now, d.through) for d in it.differences]


def test_it_is_the_one_with_the_fewest_differences_and_not_the_newest(
    session: Session, tmp_path: Path
) -> None:
    run(session, tmp_path)
    run(session, tmp_path, "nodes.one.value=7", "nodes.top.plus=3")
    nearest, further, *others = near(session, tmp_path, "top", "nodes.two.value=5")
    assert told(nearest) == [("two", "value", 2, 5, ("sum", "top"))]
    assert sorted(told(further)) == [
        ("one", "value", 7, 1, ("sum", "top")),
        ("top", "plus", 3, 10, ()),
        ("two", "value", 2, 5, ("sum", "top")),
    ]
    assert others, "results of other nodes of the type come after them"
    assert all(it.distance > further.distance for it in others)


def test_its_own_result_differs_in_nothing(session: Session, tmp_path: Path) -> None:
    run(session, tmp_path)
    own = near(session, tmp_path, "top")[0]
    assert (own.differences, own.distance) == ((), (0, 0))


def test_another_kind_of_node_is_further_away_than_any_values(session: Session, tmp_path: Path) -> None:
    run(session, tmp_path, "nodes.one.value=7", "nodes.two.value=8", "nodes.top.plus=3")
    (tmp_path / "sum.yaml").write_text(
        SUM.replace("sum: {type: add, of: [$one, $two]}", "sum: {type: make, value: 3}")
    )
    run(session, tmp_path)
    (tmp_path / "sum.yaml").write_text(SUM)
    values, kind, *_ = near(session, tmp_path, "top")
    assert len(values.differences) == 3
    assert told(kind) == [("sum", "type", "make", "add", ("top",))]


def test_a_result_that_is_forgotten_on_the_way_is_said_to_be(session: Session, tmp_path: Path) -> None:
    run(session, tmp_path)
    prepared = session.prepare(compose_file(tmp_path / "sum.yaml", Changes(), REGISTRY))
    session.store.delete(prepared.plan.keys[prepared.graph.named("one")[0]].key)
    (nearest, *_) = near(session, tmp_path, "top", "nodes.one.value=9")
    assert [(d.node, d.what, d.through) for d in nearest.differences] == [
        ("one", "all of it", ("sum", "top"))
    ]


def test_a_long_way_takes_no_recursion(session: Session, tmp_path: Path) -> None:
    links = [f"  n{place}: {{type: add, of: [$n{place - 1}]}}" for place in range(1, 350)]
    text = "\n".join(["sdflow: 1", "nodes:", "  n0: {type: make}", *links, "  top: {type: add, of: [$n349]}"])
    (tmp_path / "sum.yaml").write_text(text + "\noutputs: {x.png: $top}\n")
    run(session, tmp_path)
    (nearest, *_) = near(session, tmp_path, "top", "nodes.n0.note=other")
    assert [(d.node, d.what, len(d.through)) for d in nearest.differences] == [("n0", "note", 350)]


def test_a_trajectory_is_found_by_what_it_is_made_of(tmp_path: Path) -> None:
    (tmp_path / "fox.yaml").write_text(FOX)
    session = Session(Settings(device="cpu", cache=tmp_path / "cache"), default_registry())
    prepared = session.prepare(compose_file(tmp_path / "fox.yaml", Changes(), session.registry))
    number = prepared.graph.named("sample")[0]
    keyed, node = prepared.plan.keys[number], prepared.graph.nodes[number].node
    assert way_of(keyed.preimage, node.open_ended) == keyed.trajectory != ""


FOX = """\
sdflow: 1
nodes:
  model: {type: load-model, source: "builtin:toybox"}
  text: {type: encode-prompt, model: $model, prompt: a fox}
  noise: {type: init-latent, model: $model, width: 64, height: 64}
  sample: {type: denoise, model: $model, conditioning: $text, latent: $noise, steps: 4, end-step: 3}
  image: {type: decode, model: $model, latent: $sample}
outputs: {fox.png: $image}
"""
