"""The nodes of a recipe that another one uses, as nodes of that one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sdflow.composition import Claim, FieldValue, NodeSpec, Ref
from sdflow.problems import Marks, Position, Problem, Via
from sdflow.recipe.cells import NodeTemplate
from sdflow.recipe.filling import Given, misfits, param_names, replaced
from sdflow.recipe.references import ParamRef
from sdflow.recipe.used import Use
from sdflow.recipe.whole import Relocate


@dataclass(frozen=True, slots=True)
class _UsedMarks:
    """The marks of a node in a file that is used by a node of another one."""

    written: Marks
    via: Via

    def at(self, path: Sequence[str | int], *, key: bool = False) -> Position | None:
        """The place in the inner file, and what uses it."""
        position = self.written.at(path, key=key)
        return None if position is None else position.used(self.via)


@dataclass(slots=True)
class Moved:
    """Puts the nodes of an inner recipe into the outer one."""

    use: Use
    values: Mapping[str, object]
    via: Via
    relocate: Relocate
    base: Path
    problems: list[Problem]
    unknown_at: set[Position]

    def ref(self, ref: Ref) -> Ref:
        """A reference of the inner recipe, from the outer one."""
        return Ref(f"{self.use.name}/{ref.node}", ref.port)

    def claim(self, claim: Claim) -> Claim:
        """The same for what a param says of an output."""
        position = None if claim.position is None else claim.position.used(self.via)
        return replace(claim, ref=self.ref(claim.ref), position=position)

    def node(self, node: NodeTemplate) -> NodeTemplate:
        """A node of the inner recipe with the params of the outer node."""
        spec = node.spec
        marks = _UsedMarks(spec.marks, self.via)

        def change(leaf: object, path: tuple[str | int, ...]) -> object:
            return self._leaf(leaf, path, spec.type, marks)

        fields = {
            name: replaced(value, (name,), change) for name, value in {**spec.fields, **node.holes}.items()
        }
        return template_of(NodeSpec(f"{self.use.name}/{spec.name}", spec.type, {}, marks), fields)

    def _leaf(self, leaf: object, path: tuple[str | int, ...], kind: str, marks: Marks) -> object:
        if isinstance(leaf, Ref):
            return self.ref(leaf)
        if isinstance(leaf, Given):
            return self._given(leaf, path, kind, marks)
        if isinstance(leaf, ParamRef):
            value = self.values.get(leaf.name)
            if leaf.name in self.use.given:
                return value
            return self.ref(value) if isinstance(value, Ref) else self._moved(value, path, kind)
        return self._moved(leaf, path, kind)

    def _moved(self, value: object, path: tuple[str | int, ...], kind: str) -> object:
        """A plain value that the inner recipe says; paths start from its folder."""
        if not isinstance(value, str):
            return value
        return self.relocate(kind, path, value, self.use.file.base, self.base)

    def _given(self, given: Given, path: tuple[str | int, ...], kind: str, marks: Marks) -> object:
        """What a recipe within the inner one is given, now that the params of the inner one are known."""
        value = replaced(given.value, (), lambda leaf, _: self._leaf(leaf, path, kind, marks))
        whole = replace(given.used(self.via), value=value)
        if any(param_names(value)):
            return whole
        problem = next((problem for _, problem in misfits(whole, {})), None)
        if problem is None:
            return whole.fitted({})
        self.problems.append(problem)
        place = marks.at(path)
        self.unknown_at |= {place} if place is not None else set()
        return None


def template_of(spec: NodeSpec, fields: Mapping[str, object]) -> NodeTemplate:
    """A node with these fields, and what in them waits for params."""
    names = {name: tuple(param_names(value)) for name, value in fields.items()}
    holes = {name: fields[name] for name, params in names.items() if params}
    params = tuple(dict.fromkeys(name for found in names.values() for name in found))
    plain: Mapping[str, FieldValue] = fields  # type: ignore[assignment]  # where it has holes, filled in for each cell
    return NodeTemplate(NodeSpec(spec.name, spec.type, plain, spec.marks), holes, params)
