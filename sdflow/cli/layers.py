"""A layered layout (Sugiyama, Tagawa and Toda 1981): boxes in rows below those that feed them, few crossings.

Wires that skip layers get a point in each of them, so that they keep their place among the boxes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sdflow.cli.drawing import Drawing

_SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are: the layer and the middle of each box, and for each wire the points that it passes.

    Wires stand in the order of the drawing's edges; their points are (x, layer), ends included.
    """

    layer: tuple[int, ...]
    x: tuple[float, ...]
    wires: tuple[tuple[tuple[float, int], ...], ...]
    width: float
    layers: int


def lay_out(drawing: Drawing, widths: Sequence[float], gap: float) -> Layout:
    """Place boxes of these widths with at least `gap` between neighbours."""
    layer = _layers(drawing)
    count = len(drawing.boxes)
    chains: list[list[int]] = []
    size = list(widths)
    where = list(layer)
    for edge in drawing.edges:
        chain = [edge.source]
        for step in range(layer[edge.source] + 1, layer[edge.target]):
            chain.append(len(where))
            where.append(step)
            size.append(gap / 2)
        chains.append([*chain, edge.target])
    rows: list[list[int]] = [[] for _ in range(max(where, default=-1) + 1)]
    for item, row in enumerate(where):
        rows[row].append(item)
    up: dict[int, list[int]] = {item: [] for item in range(len(where))}
    down: dict[int, list[int]] = {item: [] for item in range(len(where))}
    for chain in chains:
        for above, below in pairwise(chain):
            up[below].append(above)
            down[above].append(below)
    rows = _untangled(rows, up, down)
    x = _placed(rows, up, down, size, gap)
    left = min((x[item] - size[item] / 2 for item in range(len(where))), default=0.0)
    right = max((x[item] + size[item] / 2 for item in range(len(where))), default=0.0)
    wires = tuple(tuple((x[item] - left, where[item]) for item in chain) for chain in chains)
    return Layout(
        tuple(layer), tuple(x[item] - left for item in range(count)), wires, right - left, len(rows)
    )


def _layers(drawing: Drawing) -> list[int]:
    """Each box one below the lowest that feeds it; what nothing feeds goes down to just above its first use."""
    layer = [0] * len(drawing.boxes)
    for number in range(len(drawing.boxes)):
        above = [layer[edge.source] for edge in drawing.sources(number) if edge.source < number]
        layer[number] = max(above, default=-1) + 1
    fed = {edge.target for edge in drawing.edges}
    for number in range(len(drawing.boxes)):
        below = [layer[edge.target] for edge in drawing.edges if edge.source == number]
        if number not in fed and below:
            layer[number] = min(below) - 1
    return layer


def _untangled(
    rows: list[list[int]], up: Mapping[int, Sequence[int]], down: Mapping[int, Sequence[int]]
) -> list[list[int]]:
    """Rows ordered by the mean place of neighbours, downwards and upwards in turn; the best of all tries."""
    best, fewest = [list(row) for row in rows], _crossings(rows, down)
    for sweep in range(_SWEEPS):
        neighbours = up if sweep % 2 == 0 else down
        for row in rows if sweep % 2 == 0 else reversed(rows):
            place = {item: at for other in rows for at, item in enumerate(other)}
            own = {item: at for at, item in enumerate(row)}
            row.sort(
                key=lambda item: (
                    sum(place[it] for it in neighbours[item]) / len(neighbours[item])
                    if neighbours[item]
                    else own[item]
                )
            )
        found = _crossings(rows, down)
        if found < fewest:
            best, fewest = [list(row) for row in rows], found
    return best


def _crossings(rows: Sequence[Sequence[int]], down: Mapping[int, Sequence[int]]) -> int:
    place = {item: at for row in rows for at, item in enumerate(row)}
    total = 0
    for row in rows:
        lines = [(place[item], place[below]) for item in row for below in down[item]]
        total += sum(a < c and b > d for a, b in lines for c, d in lines)
    return total


def _placed(
    rows: Sequence[Sequence[int]],
    up: Mapping[int, Sequence[int]],
    down: Mapping[int, Sequence[int]],
    size: Sequence[float],
    gap: float,
) -> dict[int, float]:
    """Every item as near to the mean of its neighbours as the order and the gaps allow."""
    x: dict[int, float] = {}
    for row in rows:
        x |= dict(zip(row, _spread([0.0] * len(row), [size[item] for item in row], gap), strict=True))
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            near = [[*up[item], *down[item]] for item in row]
            wanted = [
                sum(x[it] for it in its) / len(its) if its else x[item]
                for item, its in zip(row, near, strict=True)
            ]
            x |= dict(zip(row, _spread(wanted, [size[item] for item in row], gap), strict=True))
    return x


def _spread(wanted: Sequence[float], sizes: Sequence[float], gap: float) -> list[float]:
    """The positions nearest to those wanted (least squares) that keep the order and the gaps.

    Isotonic regression by pooling neighbours that are in each other's way.
    """
    offsets = [0.0]
    for left, right in pairwise(sizes):
        offsets.append(offsets[-1] + (left + right) / 2 + gap)
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=False):
        pools.append((want - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m), (b, n) = pools[-2], pools[-1]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n)]
    flat = [mean for mean, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=False)]
