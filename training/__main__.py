"""python -m training STAGE… : trains toybox.

`all` runs every stage of toybox in order, `family` every stage of the models on top of it; each goes on where it
stopped. `publish` makes the result what sdflow ships; `adopt` begins a run with what it ships.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from training.config import keep_settings, read_config
from training.family.stages import FAMILY
from training.run import Run
from training.stages import ASIDE, STAGES

HERE = Path(__file__).parent
GROUPS = {"all": tuple(STAGES), "family": tuple(FAMILY)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the stages that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument(
        "stages",
        nargs="+",
        choices=(*STAGES, *FAMILY, *ASIDE, *GROUPS),
        metavar="STAGE",
        help=", ".join((*STAGES, *FAMILY, *ASIDE)),
    )
    parser.add_argument(
        "--run", type=Path, default=HERE / "runs" / "toybox", help="folder of all that is made"
    )
    parser.add_argument(
        "--config", type=Path, action="append", default=[], help="a file over toybox.toml; may be given again"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="one value instead"
    )
    parser.add_argument("--model", type=Path, help="evaluate this model, a folder in diffusers' layout")
    given = parser.parse_args(arguments)
    try:
        config = read_config([HERE / "toybox.toml", *given.config], given.set)
        keep_settings(config, given.run)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    run = Run(config, given.run, given.model)
    for name in (name for asked in given.stages for name in GROUPS.get(asked, (asked,))):
        {**STAGES, **FAMILY, **ASIDE}[name](run)


if __name__ == "__main__":
    main()
