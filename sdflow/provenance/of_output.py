"""What an output picture says of its making, read off the plan and the record of its result."""

from collections.abc import Iterator, Mapping
from typing import cast

from sdflow.composition import Cell, Composition, Json
from sdflow.graph.build import Graph, GraphOutput
from sdflow.graph.fields import seeds_of
from sdflow.graph.infer import Inferred
from sdflow.graph.node import file_fields
from sdflow.graph.plan import Plan
from sdflow.provenance.origin import Origin
from sdflow.provenance.parameters import parameters_text
from sdflow.recipe import resolved_for_cell
from sdflow.values import LatentSpec, Model


def texts_of_output(
    composition: Composition,
    plan: Plan,
    files: Mapping[str, str],
    output: GraphOutput,
    *,
    index: int,
    environment: Mapping[str, Json],
) -> dict[str, str]:
    """The texts that go into one picture: sdflow's own record, and A1111's `parameters`.

    `files` gives the digest of each input file as the recipe names it, `environment` is that of the result's
    record, so that a picture that is written again from the store gets the same bytes.
    """
    upstream = [plan.graph.nodes[n].id for n in _nearest_first(plan.graph, output.wire.node)]
    cell = next(found for found in composition.cells if found.label == output.cell)
    facts = _facts(plan.graph, plan.inferred, upstream, index)
    versions = cast("Mapping[str, str]", environment.get("versions", {}))
    seed = facts.get("seed")
    origin = Origin(
        recipe=_recipe(composition, cell, plan.graph),
        params=cell.params,
        cell=cell.label,
        node=next(
            name
            for (label, name), n in plan.graph.names.items()
            if n == output.wire.node and label == cell.label
        ),
        index=index,
        seeds=(seed,) if isinstance(seed, int) else (),
        models=_models(plan.graph, plan.inferred, upstream, cell.label),
        inputs={path: files[path] for path in _inputs(plan.graph, upstream)},
        versions=versions,
        numerics={
            name: environment[name] for name in ("device", "threads", "processor") if name in environment
        },
    )
    facts["version"] = f"sdflow {versions.get('sdflow', '')}".strip()
    return origin.texts(parameters_text(facts) if "prompt" in facts else "")


def _recipe(composition: Composition, cell: Cell, graph: Graph) -> dict[str, Json]:
    """The recipe of one cell, with the seeds that were drawn, and with what was done for want of memory."""
    alone = resolved_for_cell(composition.resolved, cell)
    nodes = dict(cast("dict[str, dict[str, Json]]", alone["nodes"]))
    for spec in cell.nodes:
        sparing = graph.nodes[graph.names[cell.label, spec.name]].sparing
        if sparing:
            nodes[spec.name] = {**nodes[spec.name], **sparing}
        if spec.fields.get("seed") == "random":
            drawn = graph.nodes[graph.names[cell.label, spec.name]].node.key_fields()["seed"]
            nodes[spec.name] = {**nodes[spec.name], "seed": drawn}
    return {**alone, "nodes": cast("Json", nodes)}


def _nearest_first(graph: Graph, start: int) -> Iterator[int]:
    """The node and all that feeds it, breadth first."""
    seen, wave = {start}, [start]
    while wave:
        yield from wave
        following = [wire.node for number in wave for _, wire in graph.nodes[number].wires()]
        wave = [number for number in dict.fromkeys(following) if number not in seen]
        seen.update(wave)


_WANTED: Mapping[str, Mapping[str, str]] = {
    "encode-prompt": {"prompt": "prompt", "negative": "negative", "clip-skip": "clip_skip"},
    "denoise": {"steps": "steps", "guidance": "guidance", "strength": "strength"},
    "load-model": {"source": "model"},
}


def _facts(graph: Graph, inferred: Inferred, upstream: list[int], index: int) -> dict[str, Json]:
    """The facts that A1111's text has names for, from the nearest node of each type."""
    facts: dict[str, Json] = {}
    seen: set[str] = set()
    for number in upstream:
        node = graph.nodes[number].node
        if node.name in seen:
            continue
        seen.add(node.name)
        fields = node.key_fields()
        for field, name in _WANTED.get(node.name, {}).items():
            value = fields[field]
            facts[name] = value[index % len(value)] if isinstance(value, list) else value
        if node.name == "denoise":
            facts["sampler"] = _sampler_title(fields["sampler"])
        if node.name in ("init-latent", "init-latent-from-image"):
            facts |= _start(inferred[number]["latent"], cast("int | list[int]", fields["seed"]), index)
    facts["clip_skip"] = cast("int", facts.get("clip_skip") or 0) + 1 if facts.get("clip_skip") else None
    return facts


def _start(latent: object, seed: int | list[int], index: int) -> dict[str, Json]:
    if not isinstance(latent, LatentSpec):
        raise TypeError(latent)
    factor = latent.space.factor
    seeds = seeds_of(tuple(seed) if isinstance(seed, list) else seed, latent.batch)
    return {"seed": seeds[index % len(seeds)], "size": f"{latent.width * factor}x{latent.height * factor}"}


def _sampler_title(name: Json) -> str | None:
    from sdflow.diffusion.samplers import SAMPLERS

    return SAMPLERS[name].title if isinstance(name, str) else None


def _models(graph: Graph, inferred: Inferred, upstream: list[int], cell: str) -> dict[str, Json]:
    """Each model by the name of its node: source, and for each component its digest and commit."""
    names = {number: name for (label, name), number in graph.names.items() if label == cell}
    models: dict[str, Json] = {}
    for number in upstream:
        for value in inferred[number].values():
            if isinstance(value, Model):
                # A node that stands for an equal one of another cell has a name there alone.
                models[names.get(number, graph.nodes[number].origins[0].name)] = {
                    role: {
                        "source": part.location.source,
                        **({"revision": part.location.revision} if part.location.revision else {}),
                        "digest": part.digest,
                        "files": [file.digest for file in part.files],
                    }
                    for role, part in sorted(value.components.items())
                }
    return models


def _inputs(graph: Graph, upstream: list[int]) -> list[str]:
    return [
        getattr(graph.nodes[number].node, field)
        for number in upstream
        for field, _ in file_fields(type(graph.nodes[number].node))
    ]
