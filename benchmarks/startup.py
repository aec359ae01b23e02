"""What a command costs from its start to its end, against importing torch and against a diffusers script.

    python -m benchmarks.startup [--quick]

The recipe has ten nodes and names builtin:tiny. All commands take turns; every ratio is a median over the rounds.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from benchmarks.figures import Figure, report
from benchmarks.processes import SDFLOW, Child, in_turns, medians, ratio
from benchmarks.recipes import PIPELINE, TEN_NODES
from sdflow.models.builtin import BUILTINS, builtin_folder

IMPORT_TORCH = "import torch"


def children(folder: Path) -> dict[str, Child]:
    """The commands, and a recipe for them in `folder`."""
    recipe, out = folder / "recipe.yaml", folder / "out"
    recipe.write_text(yaml.safe_dump(TEN_NODES, sort_keys=False), encoding="utf-8")
    model = builtin_folder("tiny", folder / "cache", BUILTINS)
    run = (*SDFLOW, "run", recipe, "-o", out)
    script = (sys.executable, "-c", PIPELINE, model, 64, 64, 2, folder / "theirs.png")

    def forget() -> None:
        for file in out.glob("*"):
            file.unlink()

    return {
        "import torch": Child((sys.executable, "-c", IMPORT_TORCH)),
        "--help": Child((*SDFLOW, "--help")),
        "validate": Child((*SDFLOW, "validate", recipe)),
        "plan": Child((*SDFLOW, "plan", recipe)),
        "cached run": Child(run),
        "cached run, outputs deleted": Child(run, forget),
        "diffusers script": Child(script),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round, for CI; writes no results")
    quick = parser.parse_args(arguments).quick
    with tempfile.TemporaryDirectory(prefix="sdflow-benchmark-") as name:
        folder = Path(name)
        seconds = in_turns(children(folder), folder, 1 if quick else 9)
    limits = {
        "--help": 0.25,
        "validate": 0.25,
        "plan": None,
        "cached run": 0.35,
        "cached run, outputs deleted": None,
    }
    figures = [
        Figure(f"start: {name}", ratio(seconds, name, "import torch"), limit, note="÷ import torch")
        for name, limit in limits.items()
    ]
    figures.append(
        Figure(
            "start: cached run", ratio(seconds, "cached run", "diffusers script"), note="÷ diffusers script"
        )
    )
    report("startup", figures, {"seconds": medians(seconds)}, quick=quick)


if __name__ == "__main__":
    main()
