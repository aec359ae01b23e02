"""Options that several commands share, and what they make of them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sdflow.cli.completing import complete_nodes, complete_params
from sdflow.composition import Composition
from sdflow.engine.states import SAVE_EVERY
from sdflow.wishes import Wishes
from sdflow.workflow import Session, Settings

if TYPE_CHECKING:
    from sdflow.recipe import Changes

F = TypeVar("F", bound=Callable[..., Any])


def _all(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))

_param = click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter.",
    shell_complete=complete_params,
)  # fmt: skip
_values = click.option(
    "-f", "--values", "values", multiple=True, metavar="FILE", type=click.Path(path_type=Path),
    help="Set parameters from a YAML file.",
)  # fmt: skip
_set = click.option(
    "-s", "--set", "overrides", multiple=True, metavar="PATH=VALUE",
    help="Set a field, such as nodes.sample.steps=30.",
)  # fmt: skip
_matrix = click.option(
    "--matrix", "matrix", multiple=True, metavar="NAME=A,B,…",
    help="Run once for each value of a parameter; several make all combinations.",
)  # fmt: skip

recipe_options: Callable[[F], F] = _all(_param, _values, _set, _matrix)

change_options: Callable[[F], F] = _all(_param, _set, _matrix)
"""Those that can be written down and used again."""

session_options: Callable[[F], F] = _all(
    click.option(
        "--device", default="auto", show_default=True, metavar="NAME", help="auto, cuda, cuda:1, mps or cpu."
    ),
    click.option(
        "--cache", type=click.Path(path_type=Path), metavar="DIR",
        help="Where results are kept; by default SDFLOW_CACHE or the user's cache folder.",
    ),
    click.option("--no-cache", is_flag=True, help="Keep nothing; use a temporary folder."),
    click.option(
        "--profile", metavar="NAME|FILE",
        help="How to use memory and time: low-vram, balanced, fast, or a file of your own (see sdflow profiles); "
        "by default SDFLOW_PROFILE.",
    ),
)  # fmt: skip

lock_option: Callable[[F], F] = click.option(
    "--locked", is_flag=True, help="Refuse what the recipe's lock does not cover."
)

plan_options: Callable[[F], F] = _all(
    click.option(
        "--to", multiple=True, metavar="NODE", help="Run only up to this node, in place of the outputs.",
        shell_complete=complete_nodes,
    ),
    click.option(
        "--force", multiple=True, metavar="NODE[+]",
        help="Run this node although it is kept; with a + everything after it, too.",
        shell_complete=complete_nodes,
    ),
    click.option("--refresh", is_flag=True, help="Run everything, whatever is kept."),
)  # fmt: skip


def settings_of(options: dict[str, Any]) -> Settings:
    """Take the session options out of a command's options."""
    return Settings(
        device=options.pop("device"),
        cache=options.pop("cache"),
        no_cache=options.pop("no_cache"),
        locked=options.pop("locked", False),
        save_every=options.pop("save_every", SAVE_EVERY),
        profile=options.pop("profile"),
        environ=dict(os.environ),
    )


def session_of(options: dict[str, Any]) -> Session:
    """A session with the options that a user gave."""
    return Session(settings_of(options))


def wishes_of(options: dict[str, Any]) -> Wishes:
    """Take the plan options out of a command's options."""
    return Wishes(to=options.pop("to"), force=options.pop("force"), refresh=options.pop("refresh"))


def composition_of(recipe: Path, options: dict[str, Any], session: Session) -> Composition:
    """Read a recipe (or the recipe in a picture) and fill in what the options say.

    Raises:
        UserError: everything that is wrong with it.
    """
    from sdflow.cli.sources import remember_options
    from sdflow.composing import compose_file

    changes = changes_of(options)
    remember_options(changes)
    return compose_file(recipe, changes, session.registry)


def command_words(command: str, recipe: Path, options: dict[str, Any]) -> str:
    """The command with the options that change the recipe, as they are typed; they stay where they are."""
    import shlex

    given = {"-p": "params", "-f": "values", "-s": "overrides", "--matrix": "matrix", "--to": "to"}
    words = [
        word for option, name in given.items() for it in options.get(name, ()) for word in (option, str(it))
    ]
    return shlex.join(["sdflow", command, str(recipe), *words])


def changes_of(options: dict[str, Any]) -> "Changes":
    """Take the recipe options out of a command's options."""
    from sdflow.recipe import Changes

    return Changes(
        params=options.pop("params"),
        values_files=options.pop("values"),
        fields=options.pop("overrides"),
        axes=options.pop("matrix"),
    )
