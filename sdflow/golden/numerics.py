"""The numerics class of a result: everything that may move its bits and is no part of the recipe.

Results of one class are equal to the bit, so that digests are compared; those of different classes are only alike.
"""

from collections.abc import Iterator, Mapping

from sdflow.composition import Json
from sdflow.graph.plan import Plan, components_of

_PACKAGES = ("torch", "diffusers", "transformers", "numpy", "Pillow")


def numerics_of(environment: Mapping[str, Json]) -> dict[str, str]:
    """The facts of an environment, as `environment()` or a record has it, that move bits.

    On a GPU the processor and its threads move none.
    """
    facts = {"device": str(environment.get("device-type", ""))}
    names = ("processor", "instructions", "parallel") if facts["device"] == "cpu" else ("device",)
    called = {"device": "gpu", "parallel": "threads"}
    facts |= {called.get(name, name): str(environment.get(name, "")) for name in names}
    versions = environment.get("versions")
    known = versions if isinstance(versions, dict) else {}
    return {**facts, **{name.lower(): str(known[name]) for name in _PACKAGES if name in known}}


def precision_of(plan: Plan, node: int) -> str:
    """The precision of the components that a node's result was made with, and what was done to save memory.

    `float32`, or by role: `text_encoder float32, unet bfloat16`; empty where no component is in it.
    """
    upstream = sorted(plan.graph.upstream((node,)))
    parts = {
        part.role: part
        for number in upstream
        for part in components_of(plan.graph.nodes[number], plan.inferred)
    }
    dtypes = {role: " ".join((part.dtype, *part.prepared)) for role, part in parts.items() if part.dtype}
    words = (
        sorted(set(dtypes.values()))
        if len(set(dtypes.values())) == 1
        else [f"{role} {dtype}" for role, dtype in sorted(dtypes.items())]
    )
    savings = {
        f"{item.node.name} {name}"
        for item in (plan.graph.nodes[number] for number in upstream)
        for name in item.sparing
    }
    return ", ".join((*words, *sorted(savings)))


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What differs between two classes: name, before, after."""
    for name in dict.fromkeys((*before, *after)):
        if before.get(name, "") != after.get(name, ""):
            yield name, before.get(name, ""), after.get(name, "")
