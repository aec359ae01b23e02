"""What the fields of node types are for: the texts that stand below them in their classes.

They are read from the source when somebody asks. pydantic would read them whenever a class is made
(`use_attribute_docstrings`), which takes as long as everything else that `sdflow validate` does with node types.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


@cache
def descriptions(model: type[BaseModel]) -> Mapping[str, str]:
    """Texts by the names of the fields in Python; a `Field(description=…)` comes before a text below.

    Fields without a text, and those of classes that were made where there is no source, are left out.
    """
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found.update(_texts(base))
    given = {name: field.description for name, field in model.model_fields.items()}
    return {name: text for name in given if (text := given[name] or found.get(name))}


def _texts(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    except (OSError, TypeError, SyntaxError):
        return
    (definition,) = tree.body
    statements = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, below in pairwise(statements):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            yield field.target.id, inspect.cleandoc(below.value.value)
