"""Planning chains and ladders of 100, 1,000 and 10,000 trivial nodes, all of them kept in a store on disk.

    python -m benchmarks.planning [--quick]

A chain is a node after the other; in a ladder every node takes the two of the rung before. What is timed is all
that `sdflow plan` does from a composed recipe on: wiring, shapes, keys, looking all keys up, reasons, order. Reading
the text is timed apart, and so is the order of nodes that all have to run.
"""

import argparse
import gc
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import yaml

from benchmarks.figures import Figure, report, rounded
from benchmarks.measure import median_of, seconds_of
from benchmarks.trivial import TRIVIAL, Fields, chain, composed, ends, ladder
from sdflow.composing import compose_file
from sdflow.composition import Composition, Json
from sdflow.graph.infer import infer
from sdflow.graph.keys import make_keys
from sdflow.graph.plan import Plan
from sdflow.recipe import Changes
from sdflow.resolve.facts import resolve
from sdflow.store import Store
from sdflow.values.encoded import Encoded, RawTensor
from sdflow.wishes import Wishes
from sdflow.workflow import Session, Settings

SHAPES: Mapping[str, Callable[[int], Fields]] = {"chain": chain, "ladder": ladder}


def keep_all(session: Session, composition: Composition) -> None:
    """Save a result under every key, as a run would."""
    made = session.prepare(composition).plan
    # Ten thousand flushes are not what is measured.
    store = Store(session.root, limit_bytes=None, durable=False)
    for number, keyed in made.keys.items():
        pixel = RawTensor("U8", (1, 1, 1, 3), number.to_bytes(3, "little"))
        outputs = {"image": Encoded("Image", None, {"pixels": pixel})}
        store.save(keyed.key, keyed.preimage, outputs, seconds=0.1, environment={})
    names = {place: made.keys[number].key for place, number in made.graph.names.items()}
    session.index.remember(composition.identity, names)


def parts_of(session: Session, composition: Composition, times: int) -> dict[str, Json]:
    """Where the time goes: medians of the steps of one plan."""
    graph = session.graph(composition)
    facts = resolve(graph, session.describer.resolver(composition.base), session.device)
    inferred = infer(graph, facts)
    keys = make_keys(graph, facts, inferred)
    steps = {
        "wiring": lambda: session.graph(composition),
        "shapes": lambda: infer(graph, facts),
        "keys": lambda: make_keys(graph, facts, inferred),
        "looking up": lambda: session.store.find_many(keyed.key for keyed in keys.values()),
    }
    return {name: rounded(median_of(step, times)) for name, step in steps.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """One shape and size, with everything kept."""

    fields: Fields
    composition: Composition
    session: Session
    folder: Path

    @classmethod
    def of(cls, shape: str, nodes: int, folder: Path) -> "Case":
        """Make a graph and keep a result for each of its nodes."""
        folder.mkdir()
        case = cls(
            fields := SHAPES[shape](nodes),
            composed(fields),
            Session(Settings(device="cpu", cache=folder / "cache"), TRIVIAL),
            folder,
        )
        keep_all(case.session, case.composition)
        expect(case.plan(), 0)
        expect(case.plan(REFRESH), nodes)
        return case

    def plan(self, wishes: Wishes | None = None) -> Plan:
        """Plan once."""
        return self.session.prepare(self.composition, wishes).plan


REFRESH = Wishes(refresh=True)


def measured(shape: str, sizes: Sequence[int], folder: Path, times: int) -> dict[str, dict[str, Json]]:
    """Seconds for one shape; the sizes take turns, and the small ones more than one at a time."""
    cases = {str(nodes): Case.of(shape, nodes, folder / f"{shape}-{nodes}") for nodes in sizes}
    gc.collect()
    turns = {name: sizes[-1] // int(name) for name in cases}
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(times):
        for name, case in cases.items():
            seconds[name] += [seconds_of(case.plan) for _ in range(min(20, turns[name]))]
    return {
        name: {
            "plan": rounded(statistics.median(seconds[name])),
            "parts": parts_of(case.session, case.composition, times),
            "plan, all to be run": rounded(median_of(partial(case.plan, REFRESH), max(1, times // 2))),
            "text": rounded(text_seconds(case.fields, case.folder)),
        }
        for name, case in cases.items()
    }


def text_seconds(fields: Fields, folder: Path) -> float:
    """Time to read the same graph from YAML."""
    outputs = {f"{name}.png": f"${name}" for name in ends(fields)}
    text = yaml.safe_dump({"sdflow": 1, "nodes": fields, "outputs": outputs}, sort_keys=False)
    recipe = folder / "recipe.yaml"
    recipe.write_text(text, encoding="utf-8")
    return seconds_of(lambda: compose_file(recipe, Changes(), TRIVIAL))


def expect(plan: Plan, running: int) -> None:
    if len(plan.order) != running:
        raise RuntimeError(f"{len(plan.order)} nodes would run, not {running}")


def figures_of(results: Mapping[str, Mapping[str, Mapping[str, Json]]], sizes: list[int]) -> list[Figure]:
    """The limits: two seconds for the largest, twelve times for ten times the nodes."""
    figures: list[Figure] = []
    for shape, rows in results.items():
        times = {nodes: seconds(rows[str(nodes)]["plan"]) for nodes in sizes}
        largest = sizes[-1]
        figures.append(Figure(f"plan, {shape} of {largest:,} cached nodes", times[largest], 2.0, "s"))
        figures += [
            Figure(f"plan, {shape}: {more:,} ÷ {fewer:,} nodes", times[more] / times[fewer], 12.0)
            for fewer, more in pairwise(sizes)
        ]
        whole = rows[str(largest)]
        to_run, text = seconds(whole["plan, all to be run"]), seconds(whole["text"])
        figures.append(Figure(f"plan, {shape} of {largest:,} nodes that all have to run", to_run, None, "s"))
        figures.append(Figure(f"reading the text, {shape} of {largest:,} nodes", text, None, "s"))
    return figures


def seconds(value: Json) -> float:
    if not isinstance(value, float):
        raise TypeError(value)
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a second, for CI; writes no results")
    quick = parser.parse_args(arguments).quick
    sizes = [10, 100] if quick else [100, 1_000, 10_000]
    results: dict[str, dict[str, dict[str, Json]]] = {}
    with tempfile.TemporaryDirectory(prefix="sdflow-benchmark-") as name:
        for shape in SHAPES:
            results[shape] = measured(shape, sizes, Path(name), 1 if quick else 9)
    data: dict[str, Json] = {"seconds": {shape: dict(rows) for shape, rows in results.items()}}
    report("planning", figures_of(results, sizes), data, quick=quick)


if __name__ == "__main__":
    main()
