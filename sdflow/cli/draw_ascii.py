"""A graph in a terminal: one line per node, and a rail from each node down to those that it feeds.

    ● model          load-model
    ├─● text         encode-prompt  ← model
    ├─│─● noise      init-latent    ← model
    ├─┴─┴─● sample   denoise        ← model, text, noise
    └─────┴─● image  decode         ← model, sample
            └─▶ {name}.png

A line into a node comes from the left; `┴` and `┼` are wires that join it, `│` is a rail that it passes behind.
"""

from dataclasses import dataclass, field

from sdflow.cli.drawing import Box, Drawing
from sdflow.cli.tables import paint, width_of

_COLOURS = {
    "run": "yellow",
    "some run": "yellow",
    "cached": "green",
    "failed": "red",
    "output": "bold",
    "": "cyan",
}


@dataclass(slots=True)
class _Rails:
    """Which column holds the rail of which box; None where it is free."""

    columns: list[int | None] = field(default_factory=list)

    def of(self, box: int) -> int:
        """The column of a box's rail."""
        return self.columns.index(box)

    def take(self, box: int, after: int) -> int:
        """Put a rail into the first free column to the right of `after`."""
        for column in range(after + 1, len(self.columns)):
            if self.columns[column] is None:
                self.columns[column] = box
                return column
        self.columns += [None] * (after + 1 - len(self.columns))
        self.columns.append(box)
        return len(self.columns) - 1


def draw_ascii(drawing: Drawing) -> str:
    """The drawing as lines of text."""
    last_use = {edge.source: edge.target for edge in sorted(drawing.edges, key=lambda edge: edge.target)}
    rails = _Rails()
    rows: list[tuple[str, Box, str]] = []
    for number, box in enumerate(drawing.boxes):
        feeds = {rails.of(edge.source): last_use[edge.source] > number for edge in drawing.sources(number)}
        for column, goes_on in feeds.items():
            if not goes_on:
                rails.columns[column] = None
        own = rails.take(number, max(feeds, default=-1))
        rows.append((_row(rails, feeds, own, box), box, _inputs(drawing, number)))
        if number not in last_use:
            rails.columns[own] = None
        while rails.columns and rails.columns[-1] is None:
            rails.columns.pop()
    widths = [width_of(f"{lines} {box.title}") for lines, box, _ in rows if box.status != "output"]
    label = max(widths, default=0)
    kind = max((width_of(box.subtitle) for _, box, _ in rows), default=0)
    return "\n".join(_line(lines, box, inputs, label, kind) for lines, box, inputs in rows)


def _row(rails: _Rails, feeds: dict[int, bool], own: int, box: Box) -> str:
    """The part of a line that is drawn: rails, wires into the node, and its mark."""
    first = min(feeds, default=own)
    cells: list[str] = []
    for column in range(len(rails.columns)):
        wired = first <= column < own
        if column == own:
            cell = "▶" if box.status == "output" else "●"
        elif column in feeds:
            cell = ("├" if feeds[column] else "└") if column == first else ("┼" if feeds[column] else "┴")
        elif rails.columns[column] is not None:
            cell = "│"
        else:
            cell = "─" if wired else " "
        cells.append(cell + ("─" if wired else " "))
    return "".join(cells).rstrip()


def _inputs(drawing: Drawing, number: int) -> str:
    names = [
        drawing.boxes[edge.source].title + (f".{edge.port}" if edge.port else "")
        for edge in drawing.sources(number)
    ]
    return ", ".join(names)


def _line(lines: str, box: Box, inputs: str, label: int, kind: int) -> str:
    title = paint(box.title, _COLOURS[box.status])
    if box.status == "output":
        return f"{lines} {title}"
    space = " " * (label - width_of(f"{lines} {box.title}") + 2)
    status = f"  {paint(box.status, _COLOURS[box.status])}" if box.status else ""
    feeds = paint(f"  ← {inputs}", "dim") if inputs else ""
    padding = " " * (kind - width_of(box.subtitle))
    return f"{lines} {title}{space}{paint(box.subtitle, 'dim')}{padding}{feeds}{status}".rstrip()
