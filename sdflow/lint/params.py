"""Params that nobody uses, and seeds that nobody knows."""

from collections.abc import Iterator

from sdflow.lint.subject import Subject, finding
from sdflow.problems import Problem


def unused_params(subject: Subject) -> Iterator[Problem]:
    """SDF810: a param that no node and no output refers to."""
    for name, position in subject.unused.items():
        hint = f"Write `$params.{name}` where it is meant, or leave it out."
        yield Problem("SDF810", f"nothing uses the param `{name}`", position, hint=hint)


def random_seed(subject: Subject) -> Iterator[Problem]:
    """SDF811: a seed that is drawn anew for each plan, so that no picture comes twice."""
    for item in subject.graph.nodes:
        for name, value in item.origins[0].spec.fields.items():
            if name == "seed" and value == "random":
                hint = "Give it a number; `-p` or `-s` can still say `random`."
                yield finding(item, (name,), "SDF811", "the seed is another one each time", hint)
