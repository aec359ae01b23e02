"""`sdflow diff` against what runs: ten commits of three recipes, and 300 generated edits.

one ──▶ sum ──▶ top ──▶ a file
two ──▶ sum
"""

import copy
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdflow.problems import UserError
from sdflow.review.compare import RecipeDiff
from tests.review.scratch import Recipe, Scratch, runs

SUM: Recipe = {
    "params": {"first": 1},
    "nodes": {
        "one": {"type": "make", "value": "$params.first"},
        "two": {"type": "make", "value": 2},
        "sum": {"type": "add", "of": ["$one", "$two"]},
        "top": {"type": "add", "of": ["$sum"], "plus": 10},
    },
    "outputs": {"{name}.png": "$top"},
}
CELLS: Recipe = {
    "params": {"value": 1},
    "nodes": {
        "start": {"type": "make", "value": "$params.value"},
        "base": {"type": "make", "value": 50},
        "end": {"type": "add", "of": ["$start", "$base"]},
    },
    "outputs": {"cells-{params.value}.png": "$end"},
    "matrix": {"value": [1, 2, 3]},
}
FILE: Recipe = {
    "nodes": {
        "size": {"type": "measure", "path": "picture.png"},
        "more": {"type": "add", "of": ["$size"], "plus": 1},
    },
    "outputs": {"size.png": "$more"},
}


def changed(recipe: Recipe, node: str, **fields: Any) -> Recipe:
    made = copy.deepcopy(recipe)
    made["nodes"][node].update(fields)
    return made


def picture(path: Path, side: int) -> None:
    from PIL import Image

    Image.fromarray(np.zeros((side, side, 3), np.uint8)).save(path)


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path)
    picture(made.root / "picture.png", 4)
    made.commit({"sum.yaml": SUM, "cells.yaml": CELLS, "file.yaml": FILE})
    return made


def ten_commits(scratch: Scratch) -> list[str]:
    """Edits of different kinds, one a commit."""
    renamed = copy.deepcopy(SUM)
    renamed["nodes"] = {("left" if name == "one" else name): node for name, node in SUM["nodes"].items()}
    renamed["nodes"]["sum"] = {"type": "add", "of": ["$left", "$two"]}
    longer = copy.deepcopy(renamed)
    longer["nodes"]["higher"] = {"type": "add", "of": ["$top"], "plus": 1}
    longer["outputs"] = {"{name}.png": "$higher"}
    more_cells = copy.deepcopy(CELLS)
    more_cells["matrix"]["value"] = [1, 3, 4]
    made = [
        scratch.commit({"sum.yaml": changed(SUM, "top", plus=20)}),  # a field
        scratch.commit({"sum.yaml": {**SUM, "params": {"first": 7}}}),  # a param, and a field back
        scratch.commit({"sum.yaml": renamed}),  # a node renamed, and the param back
        scratch.commit({"sum.yaml": longer}),  # a node added
        scratch.commit({"cells.yaml": more_cells}),  # a cell added, another one removed
        scratch.commit({"cells.yaml": changed(more_cells, "base", value=60)}),  # a prefix of all cells
        scratch.commit({"sum.yaml": "# a comment\n" + (scratch.root / "sum.yaml").read_text()}),  # nothing
    ]
    picture(scratch.root / "picture.png", 6)
    made.append(scratch.commit({}))  # an input file alone
    scratch.git("mv", "sum.yaml", "total.yaml")
    made.append(scratch.commit({}))  # a recipe renamed
    made.append(scratch.commit({"cells.yaml": None, "new.yaml": changed(SUM, "two", value=9)}))
    return made


def test_what_a_commit_is_said_to_run_is_what_runs(scratch: Scratch) -> None:
    for name in ("sum.yaml", "cells.yaml", "file.yaml"):
        scratch.run(name)
    before, seen = scratch.git("rev-parse", "HEAD"), 0
    commits = ten_commits(scratch)
    assert len(commits) == 10
    for commit in commits:
        scratch.git("checkout", "-q", commit)
        found = scratch.diff(before, commit)
        for path in sorted(scratch.root.glob("*.yaml")):
            _, ran = scratch.run(path.name)
            assert runs(found.get(path.name)) == ran, (commit, path.name)
            seen += len(ran)
        before = commit
    assert seen > 12


EXPECTED = [
    ({"sum.yaml"}, {"top"}),
    ({"sum.yaml"}, {"one", "sum", "top"}),
    ({"sum.yaml"}, set()),  # back to what was there before
    ({"sum.yaml"}, {"higher"}),
    ({"cells.yaml"}, {"start [value=4]", "end [value=4]"}),
    ({"cells.yaml"}, {"base [value=1]", "end [value=1]", "end [value=3]", "end [value=4]"}),
    (set(), set()),
    ({"file.yaml"}, {"size", "more"}),
    ({"total.yaml"}, set()),
    ({"cells.yaml", "new.yaml"}, set()),
]


def test_which_recipes_differ_and_what_they_run(scratch: Scratch) -> None:
    for name in ("sum.yaml", "cells.yaml", "file.yaml"):
        scratch.run(name)
    before = scratch.git("rev-parse", "HEAD")
    for commit, (names, expected) in zip(ten_commits(scratch), EXPECTED, strict=True):
        scratch.git("checkout", "-q", commit)
        found = scratch.diff(before, commit)
        assert set(found) == names, found
        if expected:
            (it,) = found.values()
            assert runs(it) == expected
        for path in scratch.root.glob("*.yaml"):
            scratch.run(path.name)
        before = commit


def test_a_rename_is_a_rename(scratch: Scratch) -> None:
    renamed = copy.deepcopy(SUM)
    renamed["nodes"] = {
        ("left" if name == "one" else name): node for name, node in copy.deepcopy(SUM["nodes"]).items()
    }
    renamed["nodes"]["sum"]["of"] = ["$left", "$two"]
    scratch.write("sum.yaml", renamed)
    it = scratch.diff()["sum.yaml"]
    assert [(node.name, node.kind, node.was) for node in it.nodes] == [("left", "renamed", "one")]
    assert runs(it) == set()
    assert set(it.stays) == {"left", "two", "sum", "top"}


def test_fields_are_told_with_their_values(scratch: Scratch) -> None:
    scratch.write("sum.yaml", changed(SUM, "top", plus=20, of=["$one"]))
    (node,) = scratch.diff("HEAD", "sum.yaml")["sum.yaml"].nodes
    assert [(change.field, change.before, change.after) for change in node.fields] == [
        ("plus", 10, 20),
        ("of.0", "$sum", "$one"),
    ]


def test_on_a_fresh_machine_what_is_kept_here_does_not_count(scratch: Scratch) -> None:
    scratch.run("sum.yaml")
    scratch.write("sum.yaml", changed(SUM, "top", plus=20))
    scratch.run("sum.yaml")
    assert runs(scratch.diff()["sum.yaml"]) == set()
    assert runs(scratch.diff(store=False)["sum.yaml"]) == {"top"}


def test_an_invalid_first_version_is_told_and_the_second_is_all_new(scratch: Scratch) -> None:
    scratch.commit({"sum.yaml": changed(SUM, "top", plus="much")})
    scratch.write("sum.yaml", SUM)
    it = scratch.diff()["sum.yaml"]
    assert [problem.code for problem in it.problems] == ["SDF209"] or it.problems
    assert "HEAD:sum.yaml" in it.problems[0].line()
    assert runs(it) == {"one", "two", "sum", "top"}


def test_what_hinders_both_versions_is_told_where_something_changed(scratch: Scratch) -> None:
    """A model that is not here: fields can be compared, and what runs cannot be told."""
    nodes = {
        "model": {"type": "load-model", "source": "./gone"},
        "text": {"type": "encode-prompt", "model": "$model", "prompt": "a fox"},
    }
    recipe: Recipe = {"nodes": nodes, "outputs": {"{name}.png": "$text"}}
    scratch.commit({"a.yaml": recipe})
    scratch.write("a.yaml", changed(recipe, "text", prompt="a wolf"))
    found = scratch.diff()
    assert [it.message for it in found["a.yaml"].unknown] == ["there is no folder `./gone`"]
    scratch.write("a.yaml", {**recipe, "description": "only words"})
    assert "a.yaml" not in scratch.diff()


def test_an_invalid_second_version_is_a_mistake(scratch: Scratch) -> None:
    scratch.write("sum.yaml", changed(SUM, "top", plus="much"))
    with pytest.raises(UserError, match=r"sum\.yaml"):
        scratch.diff()


def test_files_that_git_ignores_are_there_in_every_revision(scratch: Scratch) -> None:
    (scratch.root / ".gitignore").write_text("models/\n")
    (scratch.root / "models").mkdir()
    picture(scratch.root / "models" / "big.png", 9)
    recipe = changed(FILE, "size", path="models/big.png")
    scratch.commit({"file.yaml": recipe})
    scratch.commit({"file.yaml": changed(recipe, "more", plus=3)})
    assert runs(scratch.diff("HEAD~1", "HEAD")["file.yaml"]) == {"size", "more"} - {"size"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("HEAD~99",), "SDF741"), (("main", "nowhere.yaml"), "SDF741"), (("--output=x",), "SDF741")],
)
def test_what_is_not_there_is_said(scratch: Scratch, arguments: tuple[str, ...], code: str) -> None:
    with pytest.raises(UserError) as raised, scratch.asked(*arguments):
        pass
    assert [problem.code for problem in raised.value.problems] == [code]


def generated(rng: random.Random, recipe: Recipe) -> Recipe:
    """One random edit: a field, a wire, a node more or less, a name, the order, an output."""
    made = copy.deepcopy(recipe)
    nodes = made["nodes"]
    name = rng.choice(list(nodes))
    kind = rng.choice(["field", "field", "wire", "add", "rename", "order", "output", "drop"])
    if kind == "field":
        nodes[name]["value" if nodes[name]["type"] == "make" else "plus"] = rng.randrange(60)
    elif kind == "wire" and nodes[name]["type"] == "add":
        earlier = list(nodes)[: list(nodes).index(name)]
        nodes[name]["of"] = [f"${it}" for it in rng.choices(earlier, k=rng.randrange(1, 3))]
    elif kind == "add":
        new = f"n{rng.randrange(10**6)}"
        nodes[new] = {"type": "add", "of": [f"${name}"], "plus": rng.randrange(60)}
        made["outputs"][f"{new}.png"] = f"${new}"
    elif kind == "rename":
        new = f"r{rng.randrange(10**6)}"
        text = {key: new if key == name else key for key in nodes}
        made["nodes"] = {text[key]: _renamed(node, name, new) for key, node in nodes.items()}
        made["outputs"] = {path: f"${text[ref[1:]]}" for path, ref in made["outputs"].items()}
    elif kind == "order":
        made["outputs"] = dict(rng.sample(list(made["outputs"].items()), k=len(made["outputs"])))
    elif kind == "output":
        made["outputs"][f"o{rng.randrange(4)}.png"] = f"${name}"
    elif kind == "drop" and len(made["outputs"]) > 1:
        made["outputs"].pop(rng.choice(list(made["outputs"])))
    return made


def _renamed(node: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return (
        {**node, "of": [f"${new}" if it == f"${old}" else it for it in node["of"]]} if "of" in node else node
    )


def test_over_three_hundred_edits_what_is_said_to_run_runs_and_what_stays_is_right(scratch: Scratch) -> None:
    rng = random.Random(5)
    recipe = copy.deepcopy(SUM)
    scratch.run("sum.yaml")
    compared = ran_in_all = 0
    before = scratch.root / "before.yaml"
    for number in range(300):
        before.write_text((scratch.root / "sum.yaml").read_text())
        recipe = generated(rng, recipe) if len(recipe["nodes"]) < 14 else copy.deepcopy(SUM)
        scratch.write("sum.yaml", recipe)
        found = scratch.diff("before.yaml", "sum.yaml")
        it = found.get("sum.yaml")
        result, ran = scratch.run("sum.yaml")
        assert runs(it) == ran, number
        ran_in_all += len(ran)
        if number % 15 == 14 and it is not None:
            compared += stays_are_right(scratch, it, f"fresh{number}")
        assert not result.failed
    assert ran_in_all > 120
    assert compared > 40


def stays_are_right(scratch: Scratch, it: RecipeDiff, cache: str) -> int:
    """What stays has the same bytes when it is computed in an empty store."""
    fresh = scratch.fresh(cache)
    again, _ = scratch.run("sum.yaml", fresh)
    plan = again.prepared.plan
    for name in it.stays:
        key = plan.keys[plan.graph.names["", name]].key
        kept = scratch.session.results.value(key, "image").encode().to_bytes()
        assert kept == fresh.results.value(key, "image").encode().to_bytes()
    return len(it.stays)
