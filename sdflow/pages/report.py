"""The page of a run: pictures, graph, time and memory, recipe, models, versions and lock."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sdflow.pages.frame import mark, page, picture, table, text
from sdflow.pages.timeline import STYLE, Bar, Curve, timeline

NodeStatus: TypeAlias = Literal["run", "cached", "described", "not needed", "failed", "skipped"]
_KINDS: dict[str, str] = {"run": "run", "cached": "good", "failed": "bad", "skipped": "bad"}
_WORDS: dict[str, str] = {"run": "ran", "cached": "kept"}
_STYLE = """
.pictures { grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)) }
.graph { padding: 0.5rem 0 }
.graph svg { display: block; margin: 0 auto; max-width: none; height: auto }
.legend { display: flex; flex-wrap: wrap; gap: 0.4rem }
details { margin: 0.6rem 0 }
summary { cursor: pointer; padding: 0.3rem 0 }
ul { margin: 0.3rem 0; padding-left: 1.2rem }
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture or an animation: its file, its bytes and their type."""

    caption: str
    content: bytes
    mime: str


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node of the plan: what became of it, how long it takes (also when it was kept), and why it ran."""

    name: str
    type: str
    status: NodeStatus
    took: str
    memory: str
    why: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything that the page says. `graph` is an SVG, all else is text; `lock` is empty where there is none.

    `left_out` is how many pictures are too many for a page. `uses` are the recipes that nodes of it stand for, by name,
    with their texts.
    """

    title: str
    description: str
    passed: bool
    summary: str
    made: str
    command: str
    pictures: tuple[Shown, ...]
    left_out: int
    notes: tuple[str, ...]
    graph: str
    nodes: tuple[NodeRow, ...]
    bars: tuple[Bar, ...]
    curves: tuple[Curve, ...]
    length: str
    recipe: str
    uses: tuple[tuple[str, str], ...]
    models: tuple[tuple[str, ...], ...]
    versions: tuple[tuple[str, str], ...]
    lock: str


def report_page(report: RunReport) -> str:
    """The page."""
    body = (
        *_top(report),
        *_pictures(report),
        *_graph(report),
        *_time(report),
        *_texts(report),
        *_facts(report),
    )
    return page(f"{report.title}: {report.summary}", body, STYLE + _STYLE)


def _top(report: RunReport) -> Iterator[str]:
    verdict = mark("done", "good") if report.passed else mark("not done", "bad")
    yield f"<header><h1>{text(report.title)}</h1>"
    if report.description:
        yield f"<p>{text(report.description)}</p>"
    yield f"<p>{verdict} {text(report.summary)}</p>"
    yield f'<p class="dim small">{text(report.made)}</p><p><code>{text(report.command)}</code></p></header>'
    yield from (f'<div class="card bad">{text(note)}</div>' for note in report.notes)


def _pictures(report: RunReport) -> Iterator[str]:
    yield "<section><h2>Pictures</h2>"
    if report.pictures:
        yield '<div class="pictures">'
        yield from (picture(it.content, it.caption, it.mime) for it in report.pictures)
        yield "</div>"
    else:
        yield '<p class="dim">none</p>'
    if report.left_out:
        yield f'<p class="dim">and {report.left_out} more that are too many for a page</p>'
    yield "</section>"


def _graph(report: RunReport) -> Iterator[str]:
    statuses = dict.fromkeys(node.status for node in report.nodes)
    legend = [mark(_word(status), _KINDS[status]) for status in statuses if status in _KINDS]
    yield f'<section><h2>Graph</h2><div class="legend">{"".join(legend)}</div>'
    yield f'<div class="scroll graph">{report.graph}</div></section>'


def _time(report: RunReport) -> Iterator[str]:
    yield "<section><h2>Time and memory</h2>"
    if report.bars:
        yield from timeline(report.bars, report.curves, report.length)
    else:
        yield '<p class="dim">Nothing ran: every result was kept from earlier runs.</p>'
    head = ("node", "type", "", "took", "memory", "why")
    rows = [
        (node.name, node.type, _word(node.status), node.took, node.memory, node.why) for node in report.nodes
    ]
    yield f"<details{'' if report.bars else ' open'}><summary>All nodes</summary>"
    yield f"{table(head, rows, numbers=(3, 4))}</details></section>"


def _texts(report: RunReport) -> Iterator[str]:
    yield f"<section><h2>Recipe</h2><pre>{text(report.recipe)}</pre>"
    for name, content in report.uses:
        yield f"<details><summary>{text(name)}</summary><pre>{text(content)}</pre></details>"
    yield "</section>"


def _facts(report: RunReport) -> Iterator[str]:
    yield "<section><h2>Models</h2>"
    if report.models:
        yield table(("node", "component", "precision", "from", "digest"), report.models)
    else:
        yield '<p class="dim">none</p>'
    yield f"</section><section><h2>Versions</h2>{table(('', ''), report.versions)}</section>"
    yield "<section><h2>Lock</h2>"
    if report.lock:
        yield f"<details><summary>What the recipe is locked to</summary><pre>{text(report.lock)}</pre></details>"
    else:
        yield '<p class="dim">There is no lock beside the recipe; <code>sdflow lock</code> makes one.</p>'
    yield "</section>"


def _word(status: str) -> str:
    return _WORDS.get(status, status)
