"""`sdflow profiles`: what each profile sets."""

from typing import Any

import click

from sdflow.cli.tables import printable


@click.command()
@click.argument("name", required=False)
@click.option("--settings", is_flag=True, help="Explain every setting that a profile can have.")
def command(name: str | None, **options: Any) -> None:
    """List the profiles that come along, or print one (or your own FILE) as a file to start from.

    A profile says how a run uses memory and time: sdflow run RECIPE --profile NAME.
    """
    from sdflow.cli.profile_text import explained, listed, written
    from sdflow.profiles.reading import find_profile

    if options["settings"]:
        lines = explained()
    elif name is None:
        lines = listed()
    else:
        lines = written(find_profile(name, {}).profile)
    for line in lines:
        click.echo(printable(line))
