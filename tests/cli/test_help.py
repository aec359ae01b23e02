"""The first thing that anybody sees, and what it costs."""

import subprocess
import sys

import pytest

from tests.cli.conftest import Sdflow

HELP = """\
Usage: sdflow [OPTIONS] COMMAND [ARGS]...

  Stable Diffusion workflows as YAML recipes: planned exactly, kept in git,
  computed once.

  sdflow new txt2img        start from a recipe
  sdflow plan txt2img.yaml  see what will run, and why
  sdflow run txt2img.yaml   make the picture

Options:
  --version   Show the version.
  -h, --help  Show this message and exit.

Commands:
  run       Run a recipe; only what changed is computed.
  plan      Say what a run would do, why, and what it would take.
  validate  Check recipes without running them.
  lint      Point at what is probably a mistake.
  lock      Pin the bytes of everything that goes into a recipe.
  fetch     Bring everything here that a recipe needs.
  golden    Keep reference pictures in git, and check recipes against them.
  diff      Say what a change of recipes means: fields, nodes that run again,
            time.
  explain   Say why a node would run, or what it was made from.
  show      Show the results of a node.
  report    Write a page about a run: pictures, graph, time, memory, versions.
  config    Print the recipe with everything filled in, and where each value
            came from.
  profiles  List profiles: how a run uses memory and time.
  graph     Draw the graph of a recipe.
  nodes     List node types, or describe one.
  schema    Print the JSON Schema of recipes, for editors.
  migrate   Bring recipes to the newest version of the format.
  new       Copy one of sdflow's recipes to start from.
  cache     Look at and clean up what is kept.
  model     Describe and download models.

  Completion of commands, recipes, nodes and params: put eval
  "$(_SDFLOW_COMPLETE=bash_source sdflow)" into ~/.bashrc; zsh_source and
  fish_source for other shells.
"""

COMMANDS = (
    "run", "plan", "validate", "lint", "lock", "fetch", "diff", "explain",
    "show", "config", "profiles", "graph", "nodes", "schema", "new", "cache", "model",
)  # fmt: skip


def test_help(sdflow: Sdflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert sdflow("--help") == sdflow("-h")
    assert sdflow("--help").out == HELP


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(sdflow: Sdflow, command: str) -> None:
    answer = sdflow(command, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: sdflow {command} ")


def test_an_unknown_command_gets_the_nearest_one(sdflow: Sdflow) -> None:
    answer = sdflow("vaildate", "sum.yaml")
    assert answer.code == 2
    assert "There is no command vaildate. Did you mean validate?" in answer.err


LOADED = """
import sys
from sdflow.cli.main import run
code = run({arguments!r})
loaded = [name for name in {heavy!r} if name in sys.modules]
sys.exit(f"{{code}} {{loaded}}" if code or loaded else 0)
"""

HEAVY = ["torch", "diffusers", "transformers"]
MORE = [*HEAVY, "numpy", "PIL", "huggingface_hub", "pydantic", "rich", "yaml", "sdflow.workflow"]


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], MORE),
        (["--version"], MORE),
        (["nodes", "denoise"], [*HEAVY, "numpy", "PIL"]),
        (["schema"], [*HEAVY, "numpy", "PIL"]),
        (["new"], [*HEAVY, "numpy", "PIL"]),
        (["graph", "recipes/txt2img.yaml"], [*HEAVY, "numpy", "PIL"]),
        (["config", "recipes/txt2img.yaml"], [*HEAVY, "numpy", "PIL"]),
    ],
    ids=lambda value: value[0] if value and isinstance(value, list) else None,
)
def test_commands_load_only_what_they_need(arguments: list[str], heavy: list[str]) -> None:
    source = LOADED.format(arguments=arguments, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1:] if done.returncode else []) == (0, [])
