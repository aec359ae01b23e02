"""Numbers of steps that samplers are seldom used with."""

from collections.abc import Iterator

from sdflow.diffusion.samplers import canonical
from sdflow.lint.subject import Subject, finding
from sdflow.nodes.denoise import Denoise
from sdflow.problems import Problem

FEW_STEP_SAMPLERS = frozenset({"lcm", "tcd"})
"""Samplers of models that were distilled to make a picture in a few steps."""

_MANY, _MANY_FOR_FEW_STEPS, _FEW = 150, 16, 8
_WITHOUT_GUIDANCE = 2.0
"""Guidance up to which few steps are what a distilled model is used with."""


def unusual_steps(subject: Subject) -> Iterator[Problem]:
    """SDF807: far more steps than a sampler gains from, or too few to arrive at a picture."""
    for item, node in subject.nodes(Denoise):
        name = sampler_name(node.sampler)
        if name in FEW_STEP_SAMPLERS and node.steps > _MANY_FOR_FEW_STEPS:
            message = f"{name} with {node.steps} steps: it is made for 2 to 8"
            yield finding(item, ("steps",), "SDF807", message)
        elif node.steps > _MANY and name != "ddpm":
            message = f"{node.steps} steps: few samplers gain anything beyond 50"
            yield finding(item, ("steps",), "SDF807", message)
        elif node.steps < _FEW and name not in FEW_STEP_SAMPLERS and node.guidance > _WITHOUT_GUIDANCE:
            message = f"{node.steps} steps are few for a picture, unless the model is made for it"
            hint = "Take 20 or more; a model for few steps is used with guidance 0 to 2."
            yield finding(item, ("steps",), "SDF807", message, hint)
        if node.strength is not None and 1 <= node.steps * node.strength < 2:  # noqa: PLR2004  # one step is left
            message = f"strength {node.strength:g} of {node.steps} steps is a single step"
            yield finding(item, ("strength",), "SDF807", message, "Take more steps, or more strength.")


def sampler_name(written: str | None) -> str:
    """The one name of a sampler; empty for the model's own."""
    return canonical(written).name if written is not None else ""
