"""`sdflow new`: a recipe to start from."""

from pathlib import Path

import click

from sdflow.cli.completing import complete_shipped
from sdflow.cli.tables import paint, table, terminal_width
from sdflow.cli.writing import write_bytes
from sdflow.problems import Problem, UserError


@click.command()
@click.argument("name", required=False, shell_complete=complete_shipped)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to; by default NAME.yaml here.",
)
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def command(name: str | None, output: Path | None, force: bool) -> None:  # noqa: FBT001 - click calls by name
    """Copy a recipe of sdflow's, with the files that it reads, to start from. Without NAME, list them."""
    from sdflow.cli.shipped import find_shipped, shipped
    from sdflow.nodes.builtin import default_registry

    if name is None:
        rows = [[paint(it.name, "cyan"), it.description] for it in shipped()]
        click.echo(table(["recipe", "what it makes"], rows, elastic=1, width=terminal_width(), wrap=True))
        click.echo("\nsdflow new RECIPE copies one to this folder.", err=True)
        return
    chosen = find_shipped(name)
    target = output or Path(f"{name}.yaml")
    if target.is_dir():
        target /= f"{name}.yaml"
    copies = {target: chosen.path}
    copies |= {
        target.parent / asset: chosen.path.parent / asset for asset in chosen.assets(default_registry())
    }
    contents = {to: source.read_bytes() for to, source in copies.items()}
    if not force:
        _refuse_overwriting(contents)
    for to, content in contents.items():
        write_bytes(to, content)
        click.echo(to)
    click.echo(
        f"\nsdflow plan {target}   says what would run\nsdflow run {target}    makes the picture", err=True
    )


def _refuse_overwriting(contents: dict[Path, bytes]) -> None:
    """Refuse when a file is there already and holds something else.

    Raises:
        UserError: SDF723, for each of them.
    """
    taken = [path for path, content in contents.items() if path.exists() and path.read_bytes() != content]
    if taken:
        hint = "choose another name with -o, or overwrite with --force"
        raise UserError(*(Problem("SDF723", f"{path} is there already", hint=hint) for path in taken))
