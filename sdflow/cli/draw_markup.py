"""A graph in the languages of other drawing programs: Mermaid and Graphviz."""

from sdflow.cli.drawing import Box, Drawing

_FILLS = {"run": "#fff3d6", "some run": "#fff8e8", "cached": "#dcf5e3", "failed": "#ffebe9"}


def draw_mermaid(drawing: Drawing) -> str:
    """Mermaid (https://mermaid.js.org), which GitHub and GitLab draw in Markdown."""
    lines = ["flowchart TD"]
    for number, box in enumerate(drawing.boxes):
        label = _mermaid_text(box.title) + (
            f"<br><small>{_mermaid_text(box.subtitle)}</small>" if box.subtitle else ""
        )
        shape = f'(["{label}"])' if box.status == "output" else f'["{label}"]'
        lines.append(f"  n{number}{shape}")
    for edge in drawing.edges:
        arrow = f"-->|{_mermaid_text(edge.port)}|" if edge.port else "-->"
        lines.append(f"  n{edge.source} {arrow} n{edge.target}")
    for status, fill in _FILLS.items():
        numbers = [f"n{number}" for number, box in enumerate(drawing.boxes) if box.status == status]
        if numbers:
            name = status.replace(" ", "-")
            lines += [f"  classDef {name} fill:{fill},color:#1f2328", f"  class {','.join(numbers)} {name}"]
    return "\n".join(lines) + "\n"


def draw_dot(drawing: Drawing) -> str:
    """The DOT language of Graphviz (https://graphviz.org/doc/info/lang.html)."""
    lines = [
        "digraph recipe {",
        '  node [shape=box, style="rounded,filled", fillcolor="#f6f8fa", fontname="sans-serif"];',
    ]
    for number, box in enumerate(drawing.boxes):
        lines.append(f"  n{number} [{_dot_attributes(box)}];")
    for edge in drawing.edges:
        label = f' [label="{_dot_text(edge.port)}"]' if edge.port else ""
        lines.append(f"  n{edge.source} -> n{edge.target}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_attributes(box: Box) -> str:
    label = _dot_text(box.title) + (rf"\n{_dot_text(box.subtitle)}" if box.subtitle else "")
    attributes = [f'label="{label}"']
    if box.tooltip:
        attributes.append(f'tooltip="{_dot_text(box.tooltip)}"')
    if box.status == "output":
        attributes += ["shape=note", 'fillcolor="transparent"']
    if box.status in _FILLS:
        attributes.append(f'fillcolor="{_FILLS[box.status]}"')
    return ", ".join(attributes)


def _dot_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', r"\"").replace("\n", r"\n")


def _mermaid_text(text: str) -> str:
    return (
        text.replace("&", "&amp;")
        .replace('"', "&quot;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("|", "&#124;")
    )
