"""All findings about a recipe, in the order of their places."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from sdflow.lint.embeddings import unsaid_words
from sdflow.lint.guidance import (
    guidance_of_few_steps,
    image_guidance_without_effect,
    negative_without_effect,
)
from sdflow.lint.params import random_seed, unused_params
from sdflow.lint.pinning import unpinned
from sdflow.lint.prompts import repeated_words, unclosed_brackets, weights_as_text
from sdflow.lint.sizes import odd_sides, unlike_native
from sdflow.lint.steps import unusual_steps
from sdflow.lint.subject import Subject
from sdflow.problems import Position, Problem

Rule: TypeAlias = Callable[[Subject], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    weights_as_text,
    unclosed_brackets,
    repeated_words,
    unsaid_words,
    negative_without_effect,
    image_guidance_without_effect,
    guidance_of_few_steps,
    unusual_steps,
    unlike_native,
    odd_sides,
    unpinned,
    unused_params,
    random_seed,
)


def lint(subject: Subject) -> list[Problem]:
    """What is probably a mistake; each once, however many cells of a matrix have it."""
    found = dict.fromkeys(problem for rule in RULES for problem in rule(subject))
    return sorted(found, key=lambda it: (it.position or Position("", 0, 0), it.code))
