"""What is probably a mistake in a recipe that is valid: one idea per file, each a function from subject to problems."""

from sdflow.lint.findings import lint
from sdflow.lint.subject import Subject

__all__ = ["Subject", "lint"]
