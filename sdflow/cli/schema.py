"""`sdflow schema`: for editors that complete and check recipes while they are written."""

import json
from pathlib import Path

import click

from sdflow.cli.writing import write_text


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it there."
)
def command(output: Path | None) -> None:
    """Print the JSON Schema of recipes, with the node types that are installed here.

    VS Code with the YAML extension, and other editors with yaml-language-server, use it when a recipe's first line
    is  # yaml-language-server: $schema=FILE
    """
    from sdflow.cli.recipe_schema import recipe_schema
    from sdflow.nodes.builtin import default_registry

    text = json.dumps(recipe_schema(default_registry()), ensure_ascii=False, indent=2)
    if output is None:
        click.echo(text)
    else:
        write_text(output, f"{text}\n")
        click.echo(output)
    where = output or "sdflow.schema.json"
    click.echo(f"first line of a recipe for editors:  # yaml-language-server: $schema={where}", err=True)
