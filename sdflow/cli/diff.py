"""`sdflow diff`: what a change of recipes means."""

import json
from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt

EXIT_DIFFERENT = 1


@click.command()
@click.argument("what", nargs=-1, metavar="[A [B]] [RECIPE]…")
@opt.session_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--markdown", is_flag=True, help="Print it as Markdown, for a pull request.")
@click.option(
    "--pictures", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Where results of both sides are kept, write them side by side with a map of their differences there.",
)  # fmt: skip
@click.option("--no-store", is_flag=True, help="Do not look at what is kept here: as on a fresh machine.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where there are differences.")
@click.option("--install-git", is_flag=True, help="Let `git diff` of this repository say it of recipes, too.")
@click.option("--yes", is_flag=True, help="Do not ask before something is installed.")
@click.option("--driver", is_flag=True, hidden=True)
def command(  # noqa: PLR0917 - click calls by name
    what: tuple[str, ...],
    as_json: bool,  # noqa: FBT001
    markdown: bool,  # noqa: FBT001
    pictures: Path | None,
    no_store: bool,  # noqa: FBT001
    exit_code: bool,  # noqa: FBT001
    install_git: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
    driver: bool,  # noqa: FBT001
    **options: Any,
) -> int:
    """Say what differs between two versions of recipes: fields, nodes that run again because of it and why, time.

    A and B are revisions of git, or folders; by default the last commit and the working tree. RECIPEs are files that
    end in .yaml; by default all that differ. Two recipes and nothing else are compared with each other.

    \b
    sdflow diff                      what is not committed yet
    sdflow diff HEAD~3               everything since then
    sdflow diff main feature a.yaml  one recipe on two branches
    sdflow diff old.yaml new.yaml    two files
    """  # noqa: D301 - \b is click's mark for a paragraph to leave alone
    from sdflow.cli.diff_driver import driver_text, install
    from sdflow.cli.diff_markdown import diff_markdown
    from sdflow.cli.diff_text import diff_json, diff_text
    from sdflow.review.asked import asked
    from sdflow.review.differences import differences
    from sdflow.review.pictures import write_sheets

    if install_git:
        return install(Path.cwd(), yes=yes)
    with opt.session_of(options).closing() as session:
        if driver:
            click.echo(driver_text(session, what))
            return 0
        with asked(what, Path.cwd()) as wanted:
            found = differences(session, wanted, store=not no_store)
            sheets = write_sheets(session, found, pictures) if pictures is not None else []
            sides = wanted.before.label, wanted.after.label
    if as_json:
        click.echo(json.dumps(diff_json(found, *sides), ensure_ascii=False, indent=2))
    else:
        click.echo(diff_markdown(found, *sides) if markdown else diff_text(found, *sides))
        for path in sheets:
            click.echo(path)
    return EXIT_DIFFERENT if exit_code and found else 0
