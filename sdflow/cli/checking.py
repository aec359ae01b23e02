"""All that can be checked of a recipe with what is on this disk."""

from dataclasses import replace

from sdflow.collector import collector_paused
from sdflow.composition import Composition
from sdflow.graph.infer import infer
from sdflow.graph.outputs import check_outputs
from sdflow.problems import Problem, UserError
from sdflow.resolve.facts import resolve
from sdflow.workflow import Session

NOT_HERE = frozenset({"SDF309"})
"""Codes that say a model is not on this disk, which is no mistake of the recipe's."""


@collector_paused()
def check(session: Session, composition: Composition) -> str:
    """Check a composition; what could not be checked, as words to add to `ok`.

    Raises:
        UserError: everything that is wrong.
    """
    session.settings = replace(session.settings, offline=True)
    graph = session.graph(composition)
    try:
        facts = resolve(graph, session.resolver(composition.base), session.device)
    except UserError as error:
        wrong = [problem for problem in error.problems if problem.code not in NOT_HERE]
        if wrong:
            raise UserError(*wrong) from error
        return f" (shapes not checked: {_first(error.problems)})"
    inferred = infer(graph, facts)
    check_outputs(graph, inferred)
    return ""


def _first(problems: tuple[Problem, ...]) -> str:
    return problems[0].message
