"""`sdflow`: finds the command, and turns whatever happens into an exit code.

0 done, 1 a node failed (or `lint` found something), 2 the user's mistake, 70 a bug in sdflow, 130 interrupted.
"""

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType

import click

from sdflow.collector import collector_paused
from sdflow.problems import UserError
from sdflow.quick_imports import quicken_imports
from sdflow.version import __version__

EXIT_FAILED = 1
EXIT_MISTAKE = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

_BUG = "This is a bug in sdflow (or in a node type of another package), not a mistake of yours. Please report it."

_COMMANDS = {
    "run": "Run a recipe; only what changed is computed.",
    "plan": "Say what a run would do, why, and what it would take.",
    "validate": "Check recipes without running them.",
    "lint": "Point at what is probably a mistake.",
    "lock": "Pin the bytes of everything that goes into a recipe.",
    "fetch": "Bring everything here that a recipe needs.",
    "golden": "Keep reference pictures in git, and check recipes against them.",
    "diff": "Say what a change of recipes means: fields, nodes that run again, time.",
    "explain": "Say why a node would run, or what it was made from.",
    "show": "Show the results of a node.",
    "report": "Write a page about a run: pictures, graph, time, memory, versions.",
    "config": "Print the recipe with everything filled in, and where each value came from.",
    "profiles": "List profiles: how a run uses memory and time.",
    "graph": "Draw the graph of a recipe.",
    "nodes": "List node types, or describe one.",
    "schema": "Print the JSON Schema of recipes, for editors.",
    "migrate": "Bring recipes to the newest version of the format.",
    "new": "Copy one of sdflow's recipes to start from.",
    "cache": "Look at and clean up what is kept.",
    "model": "Describe and download models.",
}


@cache
def _imported(name: str) -> ModuleType:
    """A module; what is imported with it stays, so that the collector of cycles need not look through it."""
    with collector_paused():
        module = import_module(name)
    gc.freeze()
    return module


class LazyGroup(click.Group):
    """Commands are imported when they are called, so that `--help` costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it
        """All commands, in the order of a day's work."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name."""
        if cmd_name not in _COMMANDS:
            return None
        command = _imported(f"sdflow.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or the nearest right word."""
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from sdflow.problems import nearest

            near = nearest(args[0], _COMMANDS)
            hint = f" Did you mean {near}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]}.{hint}", ctx)
        return super().resolve_command(ctx, args)


_COMPLETION = """Completion of commands, recipes, nodes and params: put
eval "$(_SDFLOW_COMPLETE=bash_source sdflow)" into ~/.bashrc; zsh_source and fish_source for other shells."""


@click.group(
    cls=LazyGroup,
    epilog=_COMPLETION,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="sdflow %(version)s", help="Show the version.")
def sdflow() -> None:
    """Stable Diffusion workflows as YAML recipes: planned exactly, kept in git, computed once.

    \b
    sdflow new txt2img        start from a recipe
    sdflow plan txt2img.yaml  see what will run, and why
    sdflow run txt2img.yaml   make the picture
    """  # noqa: D301 - \b is click's mark for a paragraph to leave alone


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit."""
    quicken_imports()
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code."""
    texts: dict[str, str] = {}
    try:
        result = sdflow.main(arguments, prog_name="sdflow", standalone_mode=False, obj=texts)
    except UserError as error:
        show_problems(error, texts)
        return EXIT_MISTAKE
    except click.ClickException as error:
        error.show()
        return EXIT_MISTAKE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on (`sdflow nodes | head`): no reason for words, and none for a second error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - the last resort: whatever arrives here is a bug, and says so
        import traceback

        traceback.print_exc()
        result = EXIT_BUG
    if result == EXIT_BUG:
        click.echo(f"\n{_BUG}", err=True)
    return result if isinstance(result, int) else 0


def show_problems(error: UserError, texts: Mapping[str, str] | None = None) -> None:
    """Print problems with their source lines and carets; `texts` are those of what is no file."""
    from sdflow.cli.sources import sources_of
    from sdflow.problems.render import render

    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    click.echo(render(error.problems, sources_of(error.problems, texts), colour=colour), err=True)


if __name__ == "__main__":
    main()
