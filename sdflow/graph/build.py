"""From the cells of a recipe to one graph, in which equal nodes are one node."""

import secrets
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sdflow.composition import Cell, Claim, Composition, Json, NodeSpec, OutputSpec
from sdflow.graph.field_kinds import Path
from sdflow.graph.fields import BuildContext
from sdflow.graph.identity import identity
from sdflow.graph.node import Node
from sdflow.graph.references import circle_problem, in_order, references
from sdflow.graph.registry import Registry
from sdflow.graph.validate import Wires, unknown_node, validate_node
from sdflow.graph.wire import Wire, a
from sdflow.problems import Position, Problem, UserError

_RANDOM_SEED_BITS = 32


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a node of the graph comes from: a node of a recipe, in the first cell that has it."""

    cell: str
    name: str
    spec: NodeSpec

    def at(self, path: Sequence[str | int]) -> Position | None:
        """The position of one of its fields."""
        return self.spec.marks.at(tuple(path))


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node: its number, its type and fields, and where it was written (several places when merged).

    `inputs` are the node's own wires, or where they lead once nodes with equal keys are one. `sparing` are fields that
    the engine set because there was too little memory.
    """

    id: int
    node: Node
    origins: tuple[Origin, ...]
    inputs: tuple[tuple[Path, Wire], ...]
    sparing: Mapping[str, Json] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What messages call it: its name in the recipe, with the cell where there is a matrix."""
        origin = self.origins[0]
        return f"{origin.name} [{origin.cell}]" if origin.cell else origin.name


@dataclass(frozen=True, slots=True)
class GraphOutput:
    """An output file: what is written there, and by which cell."""

    path: str
    wire: Wire
    cell: str
    position: Position | None


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in an order in which each comes after those that feed it, and the files that are asked for."""

    nodes: tuple[GraphNode, ...]
    outputs: tuple[GraphOutput, ...]
    names: Mapping[tuple[str, str], int]
    file: str = ""

    def with_nodes(self, nodes: Mapping[int, Node]) -> "Graph":
        """The graph with other nodes in the place of some, which have the same wires."""

        def exchanged(item: GraphNode) -> GraphNode:
            node = nodes.get(item.id)
            if node is None:
                return item
            before, after = item.node.key_fields(), node.key_fields()
            changed = {
                name: value for name, value in after.items() if name not in before or before[name] != value
            }
            return replace(item, node=node, sparing={**item.sparing, **changed})

        return replace(self, nodes=tuple(map(exchanged, self.nodes)))

    def named(self, name: str) -> tuple[int, ...]:
        """Numbers of the nodes with a name in the recipe, one per different cell.

        The name of a node that stands for a recipe is that of all nodes of it.
        """
        whole = tuple(dict.fromkeys(node for (_, found), node in self.names.items() if found == name))
        inside = (node for (_, found), node in self.names.items() if found.startswith(f"{name}/"))
        return whole or tuple(dict.fromkeys(inside))

    def node_names(self) -> tuple[str, ...]:
        """All names in the recipe."""
        return tuple(dict.fromkeys(name for _, name in self.names))

    def upstream(self, targets: Sequence[int]) -> frozenset[int]:
        """The targets and everything that feeds them."""
        seen: set[int] = set()
        stack = list(targets)
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(wire.node for _, wire in self.nodes[node].inputs)
        return frozenset(seen)


@dataclass(slots=True)
class _Builder:
    """The state of one build; nothing of it outlives `build`."""

    registry: Registry
    draw: Callable[[str, int], int]
    merged: dict[Hashable, int] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    inputs: list[tuple[tuple[Path, Wire], ...]] = field(default_factory=list)
    origins: list[list[Origin]] = field(default_factory=list)
    names: dict[tuple[str, str], int] = field(default_factory=dict)
    outputs: list[GraphOutput] = field(default_factory=list)
    problems: dict[Problem, None] = field(default_factory=dict)
    known: dict[tuple[int, tuple[int, ...]], int | None] = field(default_factory=dict)

    def cell(self, cell: Cell) -> None:
        """Add the nodes and outputs of one cell."""
        specs = {spec.name: spec for spec in cell.nodes}
        found = {name: tuple(references(spec)) for name, spec in specs.items()}
        wires = Wires(found)
        order = in_order(found)
        for circle in order.circles:
            self.problems[circle_problem(circle, specs)] = None
        for name in (*order.names, *order.stuck):
            self.spec(specs[name], cell, specs, wires)
        for output in cell.outputs:
            self.output(output, cell, specs, wires)
        wrong = [claim for claim in cell.claims if not self.claim(claim, specs, wires)]
        self.problems = {it: None for it in self.problems if not any(_follows(it, claim) for claim in wrong)}

    def spec(self, spec: NodeSpec, cell: Cell, specs: Mapping[str, NodeSpec], wires: Wires) -> int | None:
        """Add one node; None when it is not valid."""
        upstream = tuple(wires.numbers.get(ref.node, -1) for _, ref in wires.refs[spec.name])
        memo = (id(spec), upstream)
        if memo in self.known:
            number = self.known[memo]
        else:
            context = BuildContext(lambda place: self.draw(spec.name, place))
            node, problems = validate_node(spec, specs, wires, self.registry, context)
            self.problems.update(dict.fromkeys(problems))
            number = None if node is None else self.merge(node)
            self.known[memo] = number
            if number is not None:
                self.origins[number].append(Origin(cell.label, spec.name, spec))
        if number is None:
            wires.failed[spec.name] = self.registry.get(spec.type)
        else:
            wires.numbers[spec.name] = number
            wires.types[number] = type(self.nodes[number])
            self.names[cell.label, spec.name] = number
        return number

    def merge(self, node: Node) -> int:
        """The number of a node; equal nodes share one."""
        number = self.merged.setdefault(identity(node), len(self.nodes))
        if number == len(self.nodes):
            self.nodes.append(node)
            self.inputs.append(tuple(node.wires()))  # asked for half a dozen times
            self.origins.append([])
        return number

    def claim(self, claim: Claim, specs: Mapping[str, NodeSpec], wires: Wires) -> bool:
        """Whether an output is of the kind that a param says, as far as that is known; if not, why."""
        if claim.ref.node not in specs:
            self.problems[unknown_node(claim.ref, specs).placed(claim.position)] = None
            return False
        found = wires.find(claim.ref)
        if not isinstance(found, Wire) or found.kind == claim.kind:
            return True
        message = f"{claim.param} needs {a(claim.kind)} and got {a(found.kind)}"
        self.problems[Problem("SDF205", message, claim.position)] = None
        return False

    def output(self, output: OutputSpec, cell: Cell, specs: Mapping[str, NodeSpec], wires: Wires) -> None:
        """Add one output file."""
        found = unknown_node(output.ref, specs) if output.ref.node not in specs else wires.find(output.ref)
        if isinstance(found, Wire):
            self.outputs.append(GraphOutput(output.path, found, cell.label, output.position))
        elif found is not None:
            self.problems[found.placed(output.position)] = None


def _follows(problem: Problem, claim: Claim) -> bool:
    """Whether a wrong kind inside a recipe only says again that the recipe was given a wrong one."""
    if problem.code != "SDF205" or not claim.node or problem.position is None or claim.position is None:
        return False
    via = problem.position.via
    while via is not None and (via.node, via.position.file) != (claim.node, claim.position.file):
        via = via.position.via
    return via is not None


def build(
    composition: Composition, registry: Registry, *, draw: Callable[[str, int], int] | None = None
) -> Graph:
    """Wire the nodes of all cells into one graph.

    `draw` gives the seed for `random` by the name of the node and the place in its list of seeds; by default one
    is drawn for each.

    Raises:
        UserError: every mistake in types, fields, references and kinds, and every cycle.
    """
    builder = _Builder(registry, draw or drawn_once())
    for cell in composition.cells:
        builder.cell(cell)
    if builder.problems:
        raise UserError(*builder.problems)
    nodes = tuple(
        GraphNode(number, node, tuple(origins), inputs)
        for number, (node, origins, inputs) in enumerate(
            zip(builder.nodes, builder.origins, builder.inputs, strict=True)
        )
    )
    return Graph(nodes, tuple(builder.outputs), builder.names, composition.file)


def drawn_once() -> Callable[[str, int], int]:
    """A source of random seeds: one for every name of a node and place in its list of seeds, in all cells alike."""
    drawn: dict[tuple[str, int], int] = {}
    return lambda name, place: drawn.setdefault((name, place), secrets.randbits(_RANDOM_SEED_BITS))
