"""Two versions of a recipe, compared: what is said differently, and what that makes run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from sdflow.composition import Composition
from sdflow.graph.build import Graph, build, drawn_once
from sdflow.graph.plan import Choices, Memory
from sdflow.problems import Problem, UserError
from sdflow.review.effect import AfterRun, Blank, Rerun, reruns
from sdflow.review.fields import FieldChange, changes, said
from sdflow.review.names import called, pairs
from sdflow.workflow import Prepared, Session

Kind: TypeAlias = Literal["added", "removed", "changed", "renamed"]


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A node that is written differently: in `cells` of the cells that both versions have, where there is a matrix.

    `was` is its name before, where it has another one now.
    """

    name: str
    kind: Kind
    type: str
    was: str = ""
    fields: tuple[FieldChange, ...] = ()
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputChange:
    """An output file whose place or content is another: what is written there, as a reference."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RecipeDiff:
    """What a change of one recipe means.

    name, was: the recipe's file now and before; empty where it is not there on that side.
    nodes: in the order of the recipe; cells: labels that only one side has, `+` or `-` and the label.
    reruns: nodes with other results. stays: names of the nodes whose results are those of before.
    problems: what is wrong with the first version, which is then taken as not there. unknown: why it cannot be told
        what runs: a model that is not here and cannot be asked for, say.
    """

    name: str
    was: str
    nodes: tuple[NodeChange, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    cells: tuple[str, ...] = ()
    reruns: tuple[Rerun, ...] = ()
    stays: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    unknown: tuple[Problem, ...] = ()
    before: Prepared | None = field(default=None, repr=False)
    after: Prepared | None = field(default=None, repr=False)

    @property
    def runs(self) -> tuple[Rerun, ...]:
        """The nodes that run when the second version is run after the first."""
        return tuple(rerun for rerun in self.reruns if not rerun.kept)

    @property
    def is_empty(self) -> bool:
        """Whether the two versions say and give the same."""
        there = bool(self.name) == bool(self.was)
        said = self.nodes or self.outputs or self.cells or self.reruns or self.problems or self.unknown
        return there and not said and self.name == self.was


def compare(
    session: Session,
    before: Composition | None,
    after: Composition | None,
    *,
    names: tuple[str, str] = ("", ""),
    problems: Sequence[Problem] = (),
    store: bool = True,
) -> RecipeDiff:
    """Compare two versions of a recipe by what they say and by what they give; `names` are their files.

    Seeds that are left to chance are taken to be the same. Without `store`, what lies in the store is not looked at.

    Raises:
        UserError: mistakes in the types, fields, references and kinds of either version.
    """
    draw = drawn_once()
    old, new = (None if it is None else build(it, session.registry, draw=draw) for it in (before, after))
    if after is None or new is None:
        return RecipeDiff("", names[0], problems=tuple(problems))
    renamed = {} if old is None else pairs(old, new)
    written = RecipeDiff(
        names[1],
        names[0],
        _node_changes(old, new, renamed) if old is not None else (),
        _output_changes(old, new) if old is not None else (),
        _cells(old, new) if old is not None else (),
        problems=tuple(problems),
    )
    first, mistakes = _planned(session, before, old, Blank(session))
    memory = AfterRun(session, first.plan if first is not None else None, renamed, store)
    second, later = _planned(session, after, new, memory)
    if second is None or mistakes:
        same = {it.message for it in mistakes} == {it.message for it in later}
        if same:  # what hinders both versions is only worth a word where there is a change to judge
            changed = written.nodes or written.outputs or written.cells
            return replace(written, unknown=later if changed else ())
        return replace(written, unknown=(*mistakes, *later))
    again = reruns(first, second, called(second.plan.graph).__getitem__)
    stays = _staying(first, second, {rerun.name for rerun in again})
    return replace(written, reruns=again, stays=stays, before=first, after=second)


def _planned(
    session: Session, composition: Composition | None, graph: Graph | None, memory: Memory
) -> tuple[Prepared | None, tuple[Problem, ...]]:
    if composition is None or graph is None:
        return None, ()
    try:
        return session.prepare_graph(composition, graph, Choices(), memory), ()
    except UserError as error:
        return None, error.problems


def _node_changes(old: Graph, new: Graph, renamed: Mapping[str, str]) -> tuple[NodeChange, ...]:
    found: list[NodeChange] = []
    gone = [name for name in old.node_names() if name not in new.node_names()]
    for name in new.node_names():
        was = renamed.get(name, name)
        if was in old.node_names():
            found += _changed(old, new, name, renamed)
        else:
            found.append(NodeChange(name, "added", _type(new, name)))
    left = [name for name in gone if name not in renamed.values()]
    return (*found, *(NodeChange(name, "removed", _type(old, name)) for name in left))


def _changed(old: Graph, new: Graph, name: str, renamed: Mapping[str, str]) -> list[NodeChange]:
    """How a node differs in the cells that both versions have; cells with the same differences together."""
    was = renamed.get(name, name)
    now = {before: after for after, before in renamed.items()}
    cells = [cell for cell, node in new.names if node == name and (cell, was) in old.names]
    groups: dict[str, tuple[tuple[FieldChange, ...], list[str]]] = {}
    for cell in cells:
        one, two = old.nodes[old.names[cell, was]], new.nodes[new.names[cell, name]]
        before = {"type": one.node.name, **said(one, old, cell, now)}
        found = changes(before, {"type": two.node.name, **said(two, new, cell)})
        groups.setdefault(repr(found), (found, []))[1].append(cell)
    kind: Kind = "renamed" if was != name else "changed"
    return [
        NodeChange(
            name,
            kind,
            _type(new, name),
            was if was != name else "",
            found,
            () if len(labels) == len(cells) else tuple(labels),
        )
        for found, labels in groups.values()
        if found or was != name
    ]


def _type(graph: Graph, name: str) -> str:
    return graph.nodes[graph.named(name)[0]].node.name


def _output_changes(old: Graph, new: Graph) -> tuple[OutputChange, ...]:
    before, after = _outputs(old), _outputs(new)
    return tuple(
        OutputChange(path, before.get(path), after.get(path))
        for path in dict.fromkeys((*after, *before))
        if before.get(path) != after.get(path)
    )


def _outputs(graph: Graph) -> dict[str, str]:
    return {output.path: f"${graph.nodes[output.wire.node].origins[0].name}" for output in graph.outputs}


def _cells(old: Graph, new: Graph) -> tuple[str, ...]:
    before, after = (dict.fromkeys(cell for cell, _ in graph.names) for graph in (old, new))
    more = [f"+{cell}" for cell in after if cell not in before and cell]
    return (*more, *(f"-{cell}" for cell in before if cell not in after and cell))


def _staying(first: Prepared | None, second: Prepared, again: set[str]) -> tuple[str, ...]:
    if first is None:
        return ()
    names = called(second.plan.graph)
    old = {node.key for node in first.plan.nodes.values()} - {""}
    staying = (names[number] for number, node in second.plan.nodes.items() if node.key in old)
    return tuple(name for name in dict.fromkeys(staying) if name not in again)
