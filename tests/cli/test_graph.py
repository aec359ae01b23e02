"""Drawings: golden texts for eyes, and for SVG the things that make it readable."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.cli.draw_ascii import draw_ascii
from sdflow.cli.draw_markup import draw_dot, draw_mermaid
from sdflow.cli.draw_svg import draw_svg
from sdflow.cli.drawing import Box, Drawing, Edge
from sdflow.cli.layers import lay_out
from tests.cli.conftest import SUM, Sdflow

RECIPES = Path(__file__).parents[2] / "recipes"
SVG = "{http://www.w3.org/2000/svg}"

TXT2IMG = """\
● model          load-model
├─● text         encode-prompt  ← model
├─│─● noise      init-latent    ← model
├─┴─┴─● sample   denoise        ← model, text, noise
└─────┴─● image  decode         ← model, sample
        └─▶ astronaut-42.png
"""


def test_a_recipe_in_the_terminal(sdflow: Sdflow) -> None:
    assert sdflow("graph", RECIPES / "txt2img.yaml").out == TXT2IMG


def test_a_matrix_is_drawn_once_per_name(sdflow: Sdflow) -> None:
    assert (
        sdflow("graph", "sum.yaml", "--matrix", "second=2,3,4", "-s", "nodes.top.plus=5").code == 2
    )  # one name
    (Path("many.yaml")).write_text(SUM.replace("{params.first}", "{params.second}"))
    assert (
        sdflow("graph", "many.yaml", "--matrix", "second=2,3,4").out
        == """\
● one           make
│ ● two ×3      make
└─┴─● sum ×3    add   ← one, two ×3
    └─● top ×3  add   ← sum ×3
      └─▶ sum-2.png and 2 more
"""
    )


def test_status(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    assert (
        sdflow("graph", "sum.yaml", "--status", "-p", "second=9").out
        == """\
● one        make  cached
│ ● two      make  run
└─┴─● sum    add   ← one, two  run
    └─● top  add   ← sum  run
      └─▶ sum-1.png
"""
    )


def test_mermaid(sdflow: Sdflow) -> None:
    assert (
        sdflow("graph", "sum.yaml", "--format", "mermaid").out
        == """\
flowchart TD
  n0["one<br><small>make</small>"]
  n1["two<br><small>make</small>"]
  n2["sum<br><small>add</small>"]
  n3["top<br><small>add</small>"]
  n4(["sum-1.png"])
  n0 --> n2
  n1 --> n2
  n2 --> n3
  n3 --> n4
"""
    )


def test_dot(sdflow: Sdflow) -> None:
    lines = sdflow("graph", "sum.yaml", "--format", "dot").out.splitlines()
    assert lines[0] == "digraph recipe {"
    assert r'  n2 [label="sum\nadd", tooltip="plus: 0\nmost: 255"];' in lines
    assert lines[-5:] == ["  n0 -> n2;", "  n1 -> n2;", "  n2 -> n3;", "  n3 -> n4;", "}"]


NASTY = Drawing((Box('a"<&|\\', "x"), Box("b", "y", "run", 'two\n"lines"')), (Edge(0, 1, "p|q"),))


def test_names_cannot_break_out_of_a_drawing() -> None:
    assert 'n0["a&quot;&lt;&amp;&#124;\\<br>' in draw_mermaid(NASTY)
    assert "n0 -->|p&#124;q| n1" in draw_mermaid(NASTY)
    assert r'n0 [label="a\"<&|\\\nx"];' in draw_dot(NASTY)
    assert 'a"<&|\\' in [text.text for text in ET.fromstring(draw_svg(NASTY, "t")).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("name", "begin"), [("g.svg", "<svg "), ("g.dot", "digraph"), ("g.mmd", "flowchart"), ("g.txt", "●")]
)
def test_the_extension_chooses_the_format(sdflow: Sdflow, tmp_path: Path, name: str, begin: str) -> None:
    assert sdflow("graph", "sum.yaml", "-o", name).out == f"{name}\n"
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begin)


def test_svg_needs_nothing_else_and_knows_dark_mode(sdflow: Sdflow) -> None:
    text = sdflow("graph", RECIPES / "watch-it-denoise.yaml", "--format", "svg").out
    assert not re.search(r"href|url\((?!#)|@import|<script", text)
    assert "prefers-color-scheme: dark" in text
    root = ET.fromstring(text)
    assert {text.text for text in root.iter(f"{SVG}text")} >= {
        "model",
        "sample",
        "trajectory",
        "watch-it-denoise.png",
    }
    titles = [title.text or "" for title in root.iter(f"{SVG}title")]
    assert any("denoise\nsampler: " in title and "steps: " in title for title in titles)


def test_svg_colours_by_status(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    root = ET.fromstring(sdflow("graph", "sum.yaml", "--status", "-p", "second=9", "--format", "svg").out)
    assert [group.get("class") for group in root.iter(f"{SVG}g")] == ["cached", "run", "run", "run", "output"]


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    count = draw(st.integers(1, 16))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(
        lambda pair: pair[0] < pair[1]
    )
    edges = draw(st.lists(pairs, unique=True, max_size=30)) if count > 1 else []
    return Drawing(tuple(Box(f"n{number}") for number in range(count)), tuple(Edge(a, b) for a, b in edges))


@given(drawings())
def test_boxes_stand_below_those_that_feed_them_and_never_overlap(drawing: Drawing) -> None:
    width, gap = 90.0, 28.0
    layout = lay_out(drawing, [width] * len(drawing.boxes), gap)
    for edge, wire in zip(drawing.edges, layout.wires, strict=True):
        assert layout.layer[edge.source] < layout.layer[edge.target]
        assert [layer for _, layer in wire] == list(
            range(layout.layer[edge.source], layout.layer[edge.target] + 1)
        )
        assert wire[0][0] == layout.x[edge.source]
        assert wire[-1][0] == layout.x[edge.target]
    for one in range(len(drawing.boxes)):
        assert width / 2 - 1e-6 <= layout.x[one] <= layout.width - width / 2 + 1e-6
        for other in range(one):
            if layout.layer[one] == layout.layer[other]:
                assert abs(layout.x[one] - layout.x[other]) >= width + gap - 1e-6


@given(drawings())
def test_wires_keep_away_from_boxes_that_they_pass(drawing: Drawing) -> None:
    layout = lay_out(drawing, [90.0] * len(drawing.boxes), 28.0)
    for wire in layout.wires:
        for x, layer in wire[1:-1]:
            beside = [layout.x[box] for box in range(len(drawing.boxes)) if layout.layer[box] == layer]
            assert all(abs(x - middle) > 45 for middle in beside)


@given(drawings())
def test_every_wire_can_be_followed_in_the_terminal(drawing: Drawing) -> None:
    lines = draw_ascii(drawing).splitlines()
    column = {number: re.split("[●▶]", line)[0] for number, line in enumerate(lines)}
    assert [line.split("←")[0].split()[-1] for line in lines] == [box.title for box in drawing.boxes]
    for edge in drawing.edges:
        at = len(column[edge.source])
        assert column[edge.target][at] in "├└┴┼"
        for between in range(edge.source + 1, edge.target):
            assert lines[between][at] in "│├┼", "the rail is broken"


def test_two_pictures_of_one_source_are_told_apart(sdflow: Sdflow) -> None:
    (Path("ports.yaml")).write_text(SUM.replace("of: [$sum]", "of: [$sum, $sum.double]"))
    assert "top  add   ← sum, sum.double\n" in sdflow("graph", "ports.yaml").out
