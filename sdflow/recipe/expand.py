"""Nodes of type `recipe`: the nodes of the recipe that they name take their place.

An inner node is called `outer/inner`. Its references get the same prefix, `$params.x` becomes what the outer node
gives to `x` or the default of it, and an output of the inner recipe is a port of the outer node. Behind this, no room
knows that there was a second file: equal nodes are one node, whoever says them.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sdflow.composition import Claim, Ref, UsedRecipe
from sdflow.problems import Position, Problem, UserError, Via, nearest
from sdflow.recipe.cells import NodeTemplate, read_nodes
from sdflow.recipe.filling import leaves, replaced
from sdflow.recipe.findings import Findings
from sdflow.recipe.linking import Linker, into_another
from sdflow.recipe.moving import Moved, template_of
from sdflow.recipe.outputs import Output, read_outputs
from sdflow.recipe.overrides import Overrides
from sdflow.recipe.reading import RecipeFile
from sdflow.recipe.references import ParamRef
from sdflow.recipe.used import Reader, Use, given_to, port_of, read_use
from sdflow.recipe.whole import RECIPE, Expanded, Relocate

MAX_NODES = 100_000
"""Most nodes that recipes in recipes may make."""


def expand(
    recipe: RecipeFile,
    nodes: Sequence[NodeTemplate],
    outputs: Sequence[Output],
    problems: list[Problem],
    unknown_at: set[Position],
    *,
    relocate: Relocate,
) -> Expanded:
    """Put the nodes of all recipes that are used in the place of the nodes that use them.

    What is wrong is noted; places that cannot be known because of it are added to `unknown_at`.
    """
    chain = (Path(recipe.identity).resolve(),)
    found = _Level(recipe, Reader(), relocate, unknown_at, chain).expanded(nodes, outputs)
    problems += found.problems
    claims = (*found.claims, *_claims(recipe, found.defaults))
    whole = tuple(_wired(node, found.defaults) for node in found.nodes)
    return Expanded(whole, tuple(found.outputs), claims, found.uses, found.inside)


@dataclass(slots=True)
class _Found:
    nodes: list[NodeTemplate] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=Findings)
    claims: tuple[Claim, ...] = ()
    uses: tuple[UsedRecipe, ...] = ()
    ports: Mapping[str, Ref] = field(default_factory=dict)
    sound: bool = True
    defaults: Mapping[str, Ref] = field(default_factory=dict)
    inside: Mapping[str, Mapping[str, Ref]] = field(default_factory=dict)


@dataclass(slots=True)
class _Level:
    """One recipe; `chain` are the files that lead to it, itself included."""

    recipe: RecipeFile
    reader: Reader
    relocate: Relocate
    unknown_at: set[Position]
    chain: tuple[Path, ...]

    def expanded(self, nodes: Sequence[NodeTemplate], outputs: Sequence[Output]) -> _Found:
        """The nodes and outputs of this recipe with those of all recipes that it uses."""
        found = _Found()
        ports: dict[str, Mapping[str, Ref]] = {}
        unsure: set[str] = set()
        names = {node.spec.name for node in nodes}
        for node in nodes:
            if node.spec.type != RECIPE:
                found.nodes.append(node)
                continue
            inner = self._inner(node, found.problems)
            ports[node.spec.name] = {} if inner is None else inner.ports
            unsure |= {node.spec.name} if inner is None or not inner.sound else set()
            if inner is None:
                continue
            twice = next((it.spec.name for it in inner.nodes if it.spec.name in names), None)
            if twice is not None:
                message = f"`{twice}` is a node of this recipe and of the one that `{node.spec.name}` uses"
                found.problems.append(
                    _at(node, "SDF785", message, ("path",), "give one of them another name")
                )
            found.nodes += inner.nodes
            found.claims += inner.claims
            found.uses = tuple(dict.fromkeys((*found.uses, *inner.uses)))
            if len(found.nodes) > MAX_NODES:
                message = f"recipes in recipes make more than {MAX_NODES:,} nodes"
                raise UserError(*found.problems, _at(node, "SDF786", message, ("path",)))
        found.problems += into_another(nodes, outputs, ports)
        linker = Linker(ports, unsure, found.problems, self.unknown_at)
        found.nodes = [linker.node(node) for node in found.nodes] if ports else found.nodes
        found.claims = tuple(led for claim in found.claims if (led := linker.claim(claim)) is not None)
        found.inside = ports
        found.defaults = dict(self._defaults(linker))
        found.outputs = [it for output in outputs if (it := linker.output(output)) is not None]
        return found

    def _defaults(self, linker: Linker) -> Iterator[tuple[str, Ref]]:
        """The outputs that params of this recipe stand for by default."""
        for name, param in self.recipe.recipe.params.items():
            if param.wired and isinstance(param.default, Ref):
                place = self.recipe.marks.at(["params", name, "default"])
                ref = linker.ref(param.default, place, None)
                if ref is not None:
                    yield name, ref

    def _inner(self, node: NodeTemplate, problems: list[Problem]) -> _Found | None:
        """What a node of type `recipe` stands for; None where its file cannot be used."""
        use = read_use(node, self.recipe, self.reader, self.chain, problems)
        if use is None:
            return None
        via = Via(node.spec.name, node.spec.marks.at(("path",)) or Position(self.recipe.file, 1, 1))
        noted = Findings(use.file.problems if use.first else ())
        templates = read_nodes(use.file, Overrides(dict(use.file.recipe.nodes)))
        noted += templates.problems
        self.unknown_at |= templates.unknown_at
        outputs = read_outputs(use.file, noted)
        level = _Level(
            use.file, self.reader, self.relocate, self.unknown_at, (*self.chain, use.path.resolve())
        )
        inner = level.expanded(templates.nodes, outputs)
        noted += inner.problems
        noted += _without_node(inner)
        ported = {port_of(before.ref): after for before, after in _paired(outputs, inner.outputs)}
        problems += [problem.used(via) for problem in noted]
        values = given_to(use, {name for it in inner.nodes for name in it.params}, problems, self.unknown_at)
        if values is None:
            return None
        moved = Moved(use, values, via, self.relocate, self.recipe.base, problems, self.unknown_at)
        kept = _needed(inner, values, use.given)
        defaults = {name: ref for name, ref in inner.defaults.items() if name not in use.given}
        values |= defaults
        claims = (*inner.claims, *_claims(use.file, defaults))
        return _Found(
            [moved.node(it) for it in inner.nodes if it.spec.name in kept],
            claims=(*(moved.claim(claim) for claim in claims), *use.claims()),
            uses=(use.record(self.recipe.base), *(_seen_from(it, self.recipe.base) for it in inner.uses)),
            sound=not noted and not use.file.problems,
            ports={port: moved.ref(output.ref) for port, output in ported.items()},
        )


def _wired(node: NodeTemplate, defaults: Mapping[str, Ref]) -> NodeTemplate:
    """A node of the outermost recipe with the outputs that params stand for by default."""
    if not any(name in defaults for name in node.params):
        return node

    def change(leaf: object, _: tuple[str | int, ...]) -> object:
        return defaults.get(leaf.name, leaf) if isinstance(leaf, ParamRef) else leaf

    fields = {**node.spec.fields, **node.holes}
    return template_of(node.spec, {name: replaced(value, (name,), change) for name, value in fields.items()})


def _claims(file: RecipeFile, defaults: Mapping[str, Ref]) -> Iterator[Claim]:
    params = file.recipe.params
    for name, ref in defaults.items():
        yield Claim(name, ref, params[name].kind, file.marks.at(["params", name, "default"]))


def _needed(inner: _Found, values: Mapping[str, object], given: Container[str]) -> frozenset[str]:
    """The inner nodes that feed an output, once params stand for what they stand for."""
    nodes = {node.spec.name: node for node in inner.nodes}
    seen: set[str] = set()
    waiting = [output.ref.node for output in inner.outputs]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in nodes:
            continue
        seen.add(name)
        for _, leaf in leaves({**nodes[name].spec.fields, **nodes[name].holes}):
            own = values.get(leaf.name) if isinstance(leaf, ParamRef) and leaf.name not in given else leaf
            if isinstance(own, Ref):
                waiting.append(own.node)
    return frozenset(seen)


def _without_node(inner: _Found) -> Iterator[Problem]:
    """Outputs of an inner recipe that lead to no node: nobody else would say so."""
    names = [node.spec.name for node in inner.nodes]
    for output in inner.outputs:
        if output.ref.node not in names:
            near = nearest(output.ref.node, names)
            hint = f"did you mean ${near}?" if near else "nodes: " + (", ".join(names) or "none")
            yield Problem("SDF206", f"there is no node {output.ref.node}", output.position, hint=hint)


def _paired(before: Sequence[Output], after: Sequence[Output]) -> Iterator[tuple[Output, Output]]:
    led = {output.name_position: output for output in after}
    return ((output, led[output.name_position]) for output in before if output.name_position in led)


def _seen_from(used: UsedRecipe, base: Path) -> UsedRecipe:
    return replace(used, name=Use.named(used.path, base))


def _at(
    node: NodeTemplate, code: str, message: str, path: tuple[str, ...], hint: str | None = None
) -> Problem:
    return Problem(code, message, node.spec.marks.at(path), node.spec.name, hint)
