"""Guidance that does nothing, or too much."""

from collections.abc import Iterator

from sdflow.graph.build import GraphNode
from sdflow.lint.steps import FEW_STEP_SAMPLERS, sampler_name
from sdflow.lint.subject import Subject, finding
from sdflow.nodes.denoise import Denoise
from sdflow.nodes.encode_prompt import EncodePrompt
from sdflow.problems import Problem

_MOST_FOR_FEW_STEPS = 3.0


def negative_without_effect(subject: Subject) -> Iterator[Problem]:
    """SDF803: a negative prompt whose every use has guidance of 1 or less."""
    for item, node in subject.nodes(EncodePrompt):
        if not node.negative:
            continue
        uses = _uses(subject, item)
        if uses and all(use.guidance <= 1 for _, use in uses):
            where, use = uses[0]
            message = f"the negative prompt has no effect: the guidance of {where.origins[0].name} is {use.guidance:g}"
            yield finding(item, ("negative",), "SDF803", message, "Leave it out, or set guidance above 1.")


def image_guidance_without_effect(subject: Subject) -> Iterator[Problem]:
    """SDF803: guidance by a picture beside a guidance of 1 or less, which switches both off."""
    for item, node in subject.nodes(Denoise):
        if node.image_guidance is not None and node.guidance <= 1:
            message = f"image-guidance has no effect at a guidance of {node.guidance:g}"
            hint = "Leave it out, or set guidance above 1."
            yield finding(item, ("image-guidance",), "SDF803", message, hint)


def guidance_of_few_steps(subject: Subject) -> Iterator[Problem]:
    """SDF808: a sampler for few steps with much guidance, of prompts or of attention, which burns pictures.

    A model that was distilled with its guidance takes it as an input and is left alone.
    """
    for item, node in subject.nodes(Denoise):
        if node.pag is not None and sampler_name(node.sampler) in FEW_STEP_SAMPLERS:
            message = f"perturbed-attention guidance is much for {sampler_name(node.sampler)}"
            hint = "Few-step models are made for little guidance of any kind: leave pag out."
            yield finding(item, ("pag",), "SDF808", message, hint)
        model = subject.model_of(item)
        if sampler_name(node.sampler) not in FEW_STEP_SAMPLERS or node.guidance <= _MOST_FOR_FEW_STEPS:
            continue
        if model is None or model.components["unet"].config.get("time_cond_proj_dim") is not None:
            continue
        message = f"guidance {node.guidance:g} is much for {sampler_name(node.sampler)}"
        yield finding(item, ("guidance",), "SDF808", message, "Few-step models are made for guidance 0 to 2.")


def _uses(subject: Subject, start: GraphNode) -> list[tuple[GraphNode, Denoise]]:
    """Every denoise that a conditioning flows into, also through nodes that combine it with others."""
    found: list[tuple[GraphNode, Denoise]] = []
    seen, stack = {start.id}, [start]
    while stack:
        for item in subject.fed_by(stack.pop().id):
            if item.id in seen:
                continue
            seen.add(item.id)
            if isinstance(item.node, Denoise):
                found.append((item, item.node))
            else:
                stack.append(item)
    return found
