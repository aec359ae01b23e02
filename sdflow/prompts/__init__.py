"""Prompt languages: from the text of a prompt to weighted fragments, the steps they count in, and chunks of tokens.

Nothing here imports torch or transformers; a tokenizer is a function that is passed in.
"""

from sdflow.prompts.fragments import Fragment, PromptError, Variant, Weighting
from sdflow.prompts.languages import read_prompt

__all__ = ["Fragment", "PromptError", "Variant", "Weighting", "read_prompt"]
