"""What an output picture says of its making, read off the plan and the record of its result."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from sdflow.composition import Cell, Composition, FieldValue, Json
from sdflow.graph.build import Graph, GraphOutput
from sdflow.graph.field_kinds import file_fields
from sdflow.graph.fields import seeds_of
from sdflow.graph.infer import Inferred
from sdflow.graph.plan import Plan
from sdflow.provenance.items import items_of
from sdflow.provenance.origin import Origin
from sdflow.provenance.parameters import parameters_text
from sdflow.recipe import resolved_for_cell
from sdflow.values import LatentSpec, Loadable


@dataclass(frozen=True)
class Origins:
    """What is asked for every picture of a plan, looked up once.

    `files` gives the digest of each input file as the recipe names it.
    """

    composition: Composition
    plan: Plan
    files: Mapping[str, str]

    def texts(self, output: GraphOutput, *, index: int, environment: Mapping[str, Json]) -> dict[str, str]:
        """The texts that go into one picture: sdflow's own record, and A1111's `parameters`.

        `environment` is that of the result's record, so that a picture that is written again from the store gets
        the same bytes.
        """
        plan, cell, names = self.plan, self._cells[output.cell], self._names[output.cell]
        upstream = list(_nearest_first(plan.graph, output.wire.node))
        items = items_of(plan.graph, plan.inferred, output.wire.node, index)
        facts = _facts(plan.graph, plan.inferred, items)
        versions = cast("Mapping[str, str]", environment.get("versions", {}))
        seed = facts.get("seed")
        origin = Origin(
            recipe=_recipe(self.composition, cell, plan.graph),
            params=cell.params,
            cell=cell.label,
            node=names[output.wire.node],
            index=index,
            seeds=(seed,) if isinstance(seed, int) else (),
            models=_models(plan.graph, plan.inferred, upstream, names),
            inputs={path: self.files[path] for path in _inputs(plan.graph, upstream)},
            versions=versions,
            numerics={
                name: environment[name] for name in ("device", "threads", "processor") if name in environment
            },
        )
        facts["version"] = f"sdflow {versions.get('sdflow', '')}".strip()
        return origin.texts(parameters_text(facts) if "prompt" in facts else "")

    @property
    def of(self) -> tuple[Composition, Plan, Mapping[str, str]]:
        """What was looked up in."""
        return self.composition, self.plan, self.files

    @cached_property
    def _cells(self) -> Mapping[str, Cell]:
        return {cell.label: cell for cell in self.composition.cells}

    @cached_property
    def _names(self) -> Mapping[str, Mapping[int, str]]:
        """Names of the nodes in each cell, by number; of nodes that are one, the first."""
        names: dict[str, dict[int, str]] = {}
        for (cell, name), number in self.plan.graph.names.items():
            names.setdefault(cell, {}).setdefault(number, name)
        return names


def _recipe(composition: Composition, cell: Cell, graph: Graph) -> dict[str, Json]:
    """The recipe of one cell, with the seeds that were drawn, and with what was done for want of memory."""
    alone = resolved_for_cell(composition.alone, cell)
    nodes = dict(cast("dict[str, dict[str, Json]]", alone["nodes"]))
    for spec in cell.nodes:
        item = graph.nodes[graph.names[cell.label, spec.name]]
        random = [name for name, value in spec.fields.items() if name == "seed" and _is_random(value)]
        if random or item.sparing:
            made = item.node.key_fields()
            drawn = {name: made[name] for name in random}
            nodes[spec.name] = {**nodes[spec.name], **item.sparing, **drawn}
    return {**alone, "nodes": cast("Json", nodes)}


def _is_random(seed: FieldValue) -> bool:
    """Whether a seed, or one of a list, was left to chance."""
    return seed == "random" or (isinstance(seed, list) and "random" in seed)


def _nearest_first(graph: Graph, start: int) -> Iterator[int]:
    """The node and all that feeds it, breadth first."""
    seen, wave = {start}, [start]
    while wave:
        yield from wave
        following = [wire.node for number in wave for _, wire in graph.nodes[number].inputs]
        wave = [number for number in dict.fromkeys(following) if number not in seen]
        seen.update(wave)


_WANTED: Mapping[str, Mapping[str, str]] = {
    "encode-prompt": {"prompt": "prompt", "negative": "negative", "clip-skip": "clip_skip"},
    "denoise": {"steps": "steps", "guidance": "guidance", "strength": "strength"},
    "load-model": {"source": "model"},
}
_STARTS = (
    "init-latent",
    "init-latent-from-image",
    "init-latent-from-small-image",
    "init-latent-from-small-latent",
    "init-latent-to-edit",
)


def _facts(graph: Graph, inferred: Inferred, items: Mapping[int, int]) -> dict[str, Json]:
    """The facts that A1111's text has names for, from the nearest node of each type; of all starts, the nearest."""
    facts: dict[str, Json] = {}
    seen: set[str] = set()
    for number, index in items.items():
        node = graph.nodes[number].node
        if node.name in seen:
            continue
        seen.add(node.name)
        fields = node.key_fields()
        for field, name in _WANTED.get(node.name, {}).items():
            facts.setdefault(name, _of_item(fields[field], index))
        if node.name == "denoise":
            facts |= _prompts(graph, number, index)
            facts["sampler"] = _sampler_title(fields["sampler"])
        if node.name in _STARTS:
            seed = cast("int | list[int] | None", fields["seed"])
            facts = {**_start(inferred[number]["latent"], seed, index), **facts}
    facts["clip_skip"] = cast("int", facts.get("clip_skip") or 0) + 1 if facts.get("clip_skip") else None
    return facts


def _prompts(graph: Graph, denoise: int, index: int) -> dict[str, Json]:
    """All prompts that a denoise draws by; several are joined by the word that A1111 has for it."""
    joints = {"prompt": " AND ", "negative": ", "}
    said: dict[str, dict[str, None]] = {name: {} for name in joints}
    for wire in (wire for path, wire in graph.nodes[denoise].inputs if path == ("conditioning",)):
        for number in _nearest_first(graph, wire.node):
            node = graph.nodes[number].node
            if node.name == "encode-prompt":
                fields = node.key_fields()
                said["prompt"][str(_of_item(fields["prompt"], index))] = None
                if negative := _of_item(fields["negative"], index):
                    said["negative"][str(negative)] = None
    return {name: joints[name].join(texts) for name, texts in said.items() if texts}


def _of_item(value: Json, index: int) -> Json:
    return value[index % len(value)] if isinstance(value, list) else value


def _start(latent: object, seed: int | list[int] | None, index: int) -> dict[str, Json]:
    """The size, and the seed where the node has one; without one the streams of another node go on."""
    if not isinstance(latent, LatentSpec):
        raise TypeError(latent)
    factor = latent.space.factor
    size: dict[str, Json] = {"size": f"{latent.width * factor}x{latent.height * factor}"}
    if seed is None:
        return size
    seeds = seeds_of(tuple(seed) if isinstance(seed, list) else seed, latent.batch)
    return {"seed": seeds[index % len(seeds)], **size}


def _sampler_title(name: Json) -> str | None:
    from sdflow.diffusion.samplers import SAMPLERS

    return SAMPLERS[name].title if isinstance(name, str) else None


def _models(
    graph: Graph, inferred: Inferred, upstream: list[int], names: Mapping[int, str]
) -> dict[str, Json]:
    """Each model by the name of its node: source, and for each component its digest and commit."""
    models: dict[str, Json] = {}
    for number in upstream:
        for value in inferred[number].values():
            if isinstance(value, Loadable):
                # A node that stands for an equal one of another cell has a name there alone.
                models[names.get(number, graph.nodes[number].origins[0].name)] = {
                    role: {
                        "source": part.location.source,
                        **({"revision": part.location.revision} if part.location.revision else {}),
                        "digest": part.digest,
                        "files": [file.digest for file in part.files],
                        **({"prepared": list(part.prepared)} if part.prepared else {}),
                    }
                    for role, part in sorted(value.components.items())
                }
    return models


def _inputs(graph: Graph, upstream: list[int]) -> list[str]:
    return [
        path
        for number in upstream
        for field, _ in file_fields(type(graph.nodes[number].node))
        if (path := getattr(graph.nodes[number].node, field)) is not None
    ]
