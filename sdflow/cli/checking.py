"""All that can be checked of a recipe with what is on this disk."""

from dataclasses import dataclass, replace

from sdflow.collector import collector_paused
from sdflow.composition import Composition
from sdflow.graph.build import Graph
from sdflow.graph.infer import Inferred, infer
from sdflow.graph.outputs import check_outputs
from sdflow.problems import UserError
from sdflow.resolve.facts import resolve
from sdflow.workflow import Session

NOT_HERE = frozenset({"SDF309"})
"""Codes that say a model is not on this disk, which is no mistake of the recipe's."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A recipe without mistakes; where a model is not here, `missing` says so and nothing is inferred."""

    graph: Graph
    inferred: Inferred
    missing: str = ""


@collector_paused()
def checked(session: Session, composition: Composition) -> Checked:
    """Check a composition, without the network.

    Raises:
        UserError: everything that is wrong.
    """
    session.settings = replace(session.settings, offline=True)
    graph = session.graph(composition)
    try:
        facts = resolve(graph, session.describer.resolver(composition.base), session.device)
    except UserError as error:
        wrong = [problem for problem in error.problems if problem.code not in NOT_HERE]
        if wrong:
            raise UserError(*wrong) from error
        return Checked(graph, {}, error.problems[0].message)
    inferred = infer(graph, facts)
    check_outputs(graph, inferred)
    return Checked(graph, inferred)
