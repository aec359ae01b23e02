"""`sdflow graph`: a recipe as a drawing."""

from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt

_FORMATS = ("ascii", "mermaid", "dot", "svg")
_BY_EXTENSION = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".md": "mermaid"}


@click.command()
@opt.recipe_argument
@opt.recipe_options
@opt.plan_options
@opt.session_options
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), help="By default that of FILE's extension, or ascii."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it there."
)
@click.option("--status", is_flag=True, help="Colour nodes by whether they would run or are cached.")
def command(recipe: Path, form: str | None, output: Path | None, status: bool, **options: Any) -> None:  # noqa: FBT001
    """Draw the graph of RECIPE. The nodes of a matrix are drawn once per name."""
    from sdflow.cli.drawing import drawing_of, statuses_of
    from sdflow.cli.writing import write_text

    wishes = opt.wishes_of(options)
    with opt.session_of(options).closing() as session:
        composition = opt.composition_of(recipe, options, session)
        if status:
            prepared = session.prepare(composition, wishes)
            drawing = drawing_of(prepared.graph, statuses_of(prepared.plan))
        else:
            drawing = drawing_of(session.graph(composition))
    form = form or _BY_EXTENSION.get(output.suffix.lower() if output else "", "ascii")
    text = _drawn(form, drawing, composition.name)
    if output is None:
        click.echo(text.rstrip("\n"))
    else:
        write_text(output, click.unstyle(text))
        click.echo(output)


def _drawn(form: str, drawing: Any, title: str) -> str:
    if form == "svg":
        from sdflow.cli.draw_svg import draw_svg

        return draw_svg(drawing, title)
    if form == "ascii":
        from sdflow.cli.draw_ascii import draw_ascii

        return draw_ascii(drawing) + "\n"
    from sdflow.cli.draw_markup import draw_dot, draw_mermaid

    return draw_dot(drawing) if form == "dot" else draw_mermaid(drawing)
