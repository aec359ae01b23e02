"""What a recipe leaves to chance, and what came of it in a plan."""

from collections.abc import Iterator, Mapping

from sdflow.composition import FieldValue, Json
from sdflow.graph.plan import Plan


def drawn(plan: Plan) -> Mapping[str, Mapping[str, Json]]:
    """Node → field → value, of what the recipe leaves to chance."""
    found: dict[str, dict[str, Json]] = {}
    for number in plan.nodes:
        item = plan.graph.nodes[number]
        origin = item.origins[0]
        for name in _random_fields(origin.spec.fields):
            found.setdefault(origin.name, {})[name] = item.node.key_fields().get(name)
    return found


def _random_fields(fields: Mapping[str, FieldValue]) -> Iterator[str]:
    for name, value in fields.items():
        if name == "seed" and (value == "random" or (isinstance(value, list) and "random" in value)):
            yield name
