"""How this room says no: problems that know which field of a model request they are about."""

from collections.abc import Sequence
from dataclasses import dataclass

from sdflow.problems import Marks, Problem, UserError


class Refused(Exception):  # noqa: N818  # it ends one component's resolution and is collected, never shown
    """One mistake, found while one place was looked at. `field` is a field of that place's request."""

    def __init__(self, code: str, message: str, *, hint: str | None = None, field: str = "source") -> None:
        super().__init__(message)
        self.problem = Problem(code, message, hint=hint)
        self.field = field

    def about(self, field: str) -> "Refused":
        """The same, about another field."""
        return Refused(self.problem.code, self.problem.message, hint=self.problem.hint, field=field)


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and the field that it is about, such as `("source",)` or `("vae", "variant")`."""

    field: tuple[str, ...]
    problem: Problem


class ModelError(UserError):
    """Everything that is wrong with one model request."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(*(finding.problem for finding in findings))
        self.findings = tuple(findings)

    def placed(self, marks: Marks, node: str | None = None) -> UserError:
        """The same problems at their places in a recipe, where fields have hyphens; `marks` are those of the node."""
        places = (tuple(name.replace("_", "-") for name in found.field) for found in self.findings)
        pairs = zip(self.findings, places, strict=True)
        return UserError(*(found.problem.placed(marks.at(place), node) for found, place in pairs))
