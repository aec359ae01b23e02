"""The texts that problems point into."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdflow.problems import Problem, UserError

if TYPE_CHECKING:
    from sdflow.recipe import Changes


def remember_options(changes: "Changes") -> None:
    """Keep the text of the options of this call, for problems with `-p`, `-s` and `--matrix`."""
    context = click.get_current_context(silent=True)
    if context is not None and isinstance(context.obj, dict):
        from sdflow.recipe.arguments import COMMAND_LINE, read_options

        context.obj[COMMAND_LINE] = read_options(changes, []).source.text


def sources_of(problems: Iterable[Problem], remembered: Mapping[str, str] | None = None) -> dict[str, str]:
    """The text of every file that a problem is in, as far as it can be read."""
    if remembered is None:
        context = click.get_current_context(silent=True)
        remembered = context.obj if context is not None and isinstance(context.obj, dict) else {}
    texts = dict(remembered)
    for name in {
        problem.position.file for problem in problems if problem.position is not None
    } - texts.keys():
        text = _text_of(name)
        if text is not None:
            texts[name] = text
    return texts


def _text_of(name: str) -> str | None:
    from sdflow.composing import PICTURES, STANDARD_INPUT, recipe_file, standard_input

    if name == STANDARD_INPUT:
        return standard_input().decode(errors="replace")
    path = Path(name)
    try:
        if path.suffix.lower() in PICTURES:
            return recipe_file(path).text
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, UserError):
        return None
