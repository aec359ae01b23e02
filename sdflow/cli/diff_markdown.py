"""A comparison of recipes as Markdown, for a pull request."""

from collections.abc import Iterator, Sequence

from sdflow.cli.diff_text import field_text, run_words, title
from sdflow.cli.plan_facts import downloads
from sdflow.cli.units import interval, size
from sdflow.review.compare import NodeChange, RecipeDiff

_WORDS = {"added": "new", "removed": "removed", "changed": "changed", "renamed": "renamed"}


def diff_markdown(found: Sequence[RecipeDiff], before: str, after: str) -> str:
    """A section for each recipe: a table of what is said differently, and one of what runs."""
    if not found:
        return f"The recipes of `{before}` and `{after}` say and give the same.\n"
    return "\n".join("\n".join(_section(it, before)) for it in found)


def _section(it: RecipeDiff, before: str) -> Iterator[str]:
    yield f"### {_cell(title(it))}"
    yield ""
    for problem in it.problems:
        yield f"> `{before}` is not valid: {_cell(problem.line())}"
        yield ""
    rows = [*(_node_row(node) for node in it.nodes), *(_cell_row(cell) for cell in it.cells)]
    rows += [
        f"| `{_code(o.path)}` | output | `{o.before or 'none'}` → `{o.after or 'none'}` |" for o in it.outputs
    ]
    if rows:
        yield from ("| what | | change |", "| --- | --- | --- |", *rows, "")
    for problem in it.unknown:
        yield f"> What runs cannot be told: {_cell(problem.line())}"
        yield ""
    if it.after is None:
        return
    yield f"**{run_words(it)}**"
    yield ""
    if it.runs:
        yield from ("| runs again | type | time | because |", "| --- | --- | --- | --- |")
        yield from (
            f"| `{_code(run.name)}` | {run.type} | {interval(run.seconds)} | {_cell(run.reason)} |"
            for run in it.runs
        )
        yield ""
    kept = [run.name for run in it.reruns if run.kept]
    if kept:
        yield f"Another result, kept already: {', '.join(f'`{_code(name)}`' for name in kept)}"
        yield ""
    if it.stays:
        yield f"Stays: {', '.join(f'`{_code(name)}`' for name in it.stays)}"
        yield ""
    for load in downloads(it.after.plan):
        yield f"Download: {', '.join(load.roles)}, {size(load.nbytes)} from {_cell(load.source)}"
        yield ""


def _node_row(node: NodeChange) -> str:
    name = f"`{_code(node.was)}` → `{_code(node.name)}`" if node.was else f"`{_code(node.name)}`"
    cells = f" in {len(node.cells)} cells" if node.cells else ""
    fields = "<br>".join(_cell(field_text(change)) for change in node.fields) or _WORDS[node.kind]
    return f"| {name}{cells} | {node.type} | {fields} |"


def _cell_row(cell: str) -> str:
    return f"| `{_code(cell[1:])}` | cell | {'new' if cell[0] == '+' else 'removed'} |"


def _cell(text: str) -> str:
    """Text that stays one cell of a table, and plain."""
    escaped = "".join(f"\\{character}" if character in "\\`*_[]<>|~" else character for character in text)
    return " ".join(escaped.split())


def _code(text: str) -> str:
    return text.replace("`", "'").replace("|", "\\|")
