"""References to a node that stands for a recipe, led on to the node inside that its port is."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sdflow.composition import Claim, Ref
from sdflow.problems import Position, Problem, nearest
from sdflow.recipe.cells import NodeTemplate
from sdflow.recipe.filling import leaves, replaced
from sdflow.recipe.moving import template_of
from sdflow.recipe.outputs import Output


@dataclass(slots=True)
class Linker:
    """Leads references to a node of type `recipe` to what its port is.

    Of the recipes of the nodes in `unsure` not all is known, because of what is wrong with them.
    """

    ports: Mapping[str, Mapping[str, Ref]]
    unsure: Container[str]
    problems: list[Problem]
    unknown_at: set[Position]

    def node(self, node: NodeTemplate) -> NodeTemplate:
        """A node with its references led on."""
        spec = node.spec
        fields = {**spec.fields, **node.holes}
        if not any(isinstance(leaf, Ref) and self._concerns(leaf) for _, leaf in leaves(fields)):
            return node

        def change(leaf: object, path: tuple[str | int, ...]) -> object:
            return self.ref(leaf, spec.marks.at(path), spec.name) if isinstance(leaf, Ref) else leaf

        return template_of(spec, {name: replaced(value, (name,), change) for name, value in fields.items()})

    def claim(self, claim: Claim) -> Claim | None:
        """What a param says of an output, led on; None where what it leads to cannot be known."""
        ref = self.ref(claim.ref, claim.position, claim.node or None)
        return None if ref is None else replace(claim, ref=ref)

    def output(self, output: Output) -> Output | None:
        """An output, led on; None where what it leads to cannot be known."""
        ref = self.ref(output.ref, output.position, None)
        return None if ref is None else replace(output, ref=ref)

    def ref(self, ref: Ref, position: Position | None, node: str | None) -> Ref | None:
        """What a reference leads to; None where that cannot be known, and why not is noted."""
        found = self._found(ref)
        if isinstance(found, Ref):
            return found
        if position is not None:
            self.unknown_at.add(position)
        if found is not None:
            self.problems.append(found.placed(position, node))
        return None

    def _concerns(self, ref: Ref) -> bool:
        return ref.node in self.ports

    def _found(self, ref: Ref) -> Ref | Problem | None:
        if ref.node not in self.ports:
            return ref
        ports = self.ports[ref.node]
        port = ref.port or next(iter(ports), "")
        if port in ports:
            return ports[port]
        if ref.node in self.unsure:
            return None
        near = nearest(port, ports)
        hint = f"did you mean ${ref.node}.{near}?" if near else "outputs: " + ", ".join(ports)
        return Problem("SDF207", f"the recipe of {ref.node} has no output {port}", hint=hint)


def into_another(
    nodes: Sequence[NodeTemplate], outputs: Sequence[Output], recipes: Container[str]
) -> Iterator[Problem]:
    """References to what is inside a recipe, of which the outputs alone are ports."""
    written = [
        (leaf, node.spec.marks.at(path), node.spec.name)
        for node in nodes
        for path, leaf in leaves({**node.spec.fields, **node.holes})
    ]
    for ref, position, node in [*written, *((it.ref, it.position, None) for it in outputs)]:
        head = ref.node.rpartition("/")[0] if isinstance(ref, Ref) else ""
        if head and head in recipes:
            hint = f"make it an output of the recipe of {head}"
            yield Problem("SDF784", f"{ref} is inside another recipe", position, node, hint)
