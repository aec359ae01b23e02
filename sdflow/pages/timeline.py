"""Time from left to right: a bar for each node that ran, and memory below, as HTML that grows with its place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sdflow.pages.frame import text

STYLE = """
.bars { display: grid; gap: 0.45rem }
.bar .head { justify-content: space-between; font-size: 0.85rem }
.track { position: relative; height: 0.7rem; margin-top: 0.15rem; border-radius: 4px; background: var(--card);
  box-shadow: inset 0 0 0 1px var(--line) }
.track span { position: absolute; top: 0; bottom: 0; min-width: 3px; border-radius: 4px; background: var(--run) }
.track span.bad { background: var(--bad) }
.chart { margin-top: 1.2rem }
.chart svg { display: block; width: 100%; height: 9rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px }
.chart polyline { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; stroke: var(--link) }
.chart polygon { fill: var(--link); fill-opacity: 0.14 }
.axis { display: flex; justify-content: space-between; font-size: 0.8rem; color: var(--dim) }
"""
_MOST_BARS = 80


@dataclass(frozen=True, slots=True)
class Bar:
    """A node that ran: where its time begins and ends, as parts of the whole, and how long that was in words."""

    name: str
    begin: float
    end: float
    took: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """Memory: points of (moment, amount) as parts of the whole and of the most, and the most in words."""

    name: str
    points: tuple[tuple[float, float], ...]
    most: str


def timeline(bars: Sequence[Bar], curves: Sequence[Curve], length: str) -> Iterator[str]:
    """Lines of HTML; `length` is the whole time in words. Of many nodes, those that took longest are shown."""
    longest = sorted(bars, key=lambda bar: bar.begin - bar.end)[:_MOST_BARS]
    yield '<div class="bars">'
    for bar in sorted(longest, key=lambda bar: bar.begin):
        yield from _bar(bar)
    yield "</div>"
    if len(bars) > len(longest):
        yield f'<p class="dim small">and {len(bars) - len(longest)} more that took less time</p>'
    for curve in curves:
        yield from _curve(curve, length)


def _bar(bar: Bar) -> Iterator[str]:
    place = f"left:{100 * bar.begin:.2f}%;width:{100 * max(0.0, bar.end - bar.begin):.2f}%"
    kind = ' class="bad"' if bar.failed else ""
    yield f'<div class="bar"><div class="head"><span>{text(bar.name)}</span>'
    yield f'<span class="dim">{text(bar.took)}</span></div>'
    yield f'<div class="track"><span{kind} style="{place}"></span></div></div>'


def _curve(curve: Curve, length: str) -> Iterator[str]:
    points = " ".join(f"{1000 * x:.1f},{198 - 190 * y:.1f}" for x, y in curve.points)
    first, last = (1000 * curve.points[place][0] for place in (0, -1))
    words = f"{curve.name}: {curve.most} at most"
    yield f'<div class="chart"><p class="small">{text(words)}</p>'
    yield f'<svg viewBox="0 0 1000 200" preserveAspectRatio="none" role="img" aria-label="{text(words)}">'
    yield f'<polygon points="{first:.1f},200 {points} {last:.1f},200"/><polyline points="{points}"/></svg>'
    yield f'<div class="axis"><span>0 s</span><span>{text(length)}</span></div></div>'
