"""A graph as an SVG file that needs nothing else: no script, no font, no Graphviz; light and dark."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from sdflow.cli.drawing import Box, Drawing
from sdflow.cli.layers import lay_out
from sdflow.cli.tables import shortened, width_of

_HEIGHT, _BETWEEN, _GAP, _MARGIN = 44.0, 46.0, 28.0, 20.0
_LETTER, _SMALL = 7.6, 6.4
_LONGEST = 34
_STYLE = """
  text { font: 13px ui-sans-serif, system-ui, sans-serif; text-anchor: middle; fill: #1f2328 }
  .type { font-size: 11px; fill: #656d76 }
  .port { font-size: 10px; fill: #656d76; stroke: #fff; stroke-width: 3px; paint-order: stroke }
  .box { fill: #f6f8fa; stroke: #8c959f; stroke-width: 1.2 }
  .run .box { fill: #fff3d6; stroke: #bf8700 }
  .some-run .box { fill: #fff8e8; stroke: #bf8700; stroke-dasharray: 5 3 }
  .cached .box { fill: #dcf5e3; stroke: #2da44e }
  .failed .box { fill: #ffebe9; stroke: #c61c29; stroke-width: 2 }
  .output .box { fill: none; stroke-dasharray: 3 3 }
  .wire { fill: none; stroke: #8c959f; stroke-width: 1.4 }
  .head { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .type, .port { fill: #9198a1 }
    .port { stroke: #0d1117 }
    .box { fill: #21262d; stroke: #6e7681 }
    .run .box { fill: #3d2e05; stroke: #d29922 }
    .some-run .box { fill: #2e2508; stroke: #d29922 }
    .cached .box { fill: #0f2d1a; stroke: #3fb950 }
    .failed .box { fill: #2d1517; stroke: #ff7b72 }
    .output .box { fill: none }
    .wire { stroke: #6e7681 }
    .head { fill: #6e7681 }
  }
"""


def draw_svg(drawing: Drawing, title: str) -> str:
    """The drawing as an SVG document."""
    titles = [shortened(box.title, _LONGEST) for box in drawing.boxes]
    widths = [_width(text, box) for text, box in zip(titles, drawing.boxes, strict=True)]
    layout = lay_out(drawing, widths, _GAP)
    width = layout.width + 2 * _MARGIN
    height = layout.layers * (_HEIGHT + _BETWEEN) - _BETWEEN + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"',
        f'  viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">',
        '  <path class="head" d="M0 0L8 4L0 8z"/></marker>',
    ]
    for edge, points in zip(drawing.edges, layout.wires, strict=True):
        parts.append(_wire([(x + _MARGIN, _top(layer)) for x, layer in points], edge.port))
    for number, box in enumerate(drawing.boxes):
        x, y = layout.x[number] + _MARGIN, _top(layout.layer[number])
        parts.append(_box(box, titles[number], x, y, widths[number]))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _width(title: str, box: Box) -> float:
    return max(90.0, width_of(title) * _LETTER + 28, width_of(box.subtitle) * _SMALL + 28)


def _top(layer: int) -> float:
    return _MARGIN + layer * (_HEIGHT + _BETWEEN)


def _wire(tops: Sequence[tuple[float, float]], port: str) -> str:
    """From the lower edge of one box to the upper edge of another, straight through layers that it passes."""
    (x, top), *rest = tops
    y = top + _HEIGHT
    path = [f"M{x:.1f} {y:.1f}"]
    for place, (to, upper) in enumerate(rest, start=1):
        bend = (upper - y) / 2
        path.append(f"C{x:.1f} {y + bend:.1f} {to:.1f} {upper - bend:.1f} {to:.1f} {upper:.1f}")
        x, y = to, upper
        if place < len(rest):
            y = upper + _HEIGHT
            path.append(f"L{x:.1f} {y:.1f}")
    wire = f'<path class="wire" d="{" ".join(path)}" marker-end="url(#head)"/>'
    if port:
        (x0, y0), (x1, y1) = tops[0], tops[1]
        middle = (x0 + x1) / 2, (y0 + _HEIGHT + y1) / 2
        wire += f'<text class="port" x="{middle[0] + 4:.1f}" y="{middle[1]:.1f}">{escape(port)}</text>'
    return wire


def _box(box: Box, title: str, x: float, y: float, width: float) -> str:
    name = box.status.replace(" ", "-")
    tooltip = "\n".join(text for text in (box.title, box.subtitle, box.status, box.tooltip) if text)
    lines = [f'<text x="{x:.1f}" y="{y + (19 if box.subtitle else 27):.1f}">{escape(title)}</text>']
    if box.subtitle:
        lines.append(f'<text class="type" x="{x:.1f}" y="{y + 35:.1f}">{escape(box.subtitle)}</text>')
    return (
        f'<g class="{name}"><title>{escape(tooltip)}</title>'
        f'<rect class="box" x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_HEIGHT:.0f}" rx="7"/>'
        f"{''.join(lines)}</g>"
    )
