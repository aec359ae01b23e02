"""The pictures of both sides beside each other, with a map of where they differ."""

from pathlib import Path
from typing import TYPE_CHECKING

from sdflow.graph.plan import Plan
from sdflow.pictures.grid import grid
from sdflow.pictures.write import write
from sdflow.store import LostValueError
from sdflow.values import Image
from sdflow.workflow import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sdflow.review.compare import RecipeDiff


def write_sheets(session: Session, found: "Sequence[RecipeDiff]", folder: Path) -> list[Path]:
    """Write a sheet for each output whose pictures of both sides are kept: before, after, difference.

    Raises:
        UserError: a file cannot be written.
    """
    written: list[Path] = []
    for it in found:
        if it.before is None or it.after is None:
            continue
        for name, one, two in _pairs(session, it.before.plan, it.after.plan):
            path = folder / f"{Path(it.name).stem}-{Path(name.replace('{', '').replace('}', '')).stem}.png"
            write(side_by_side(one, two), path)
            written.append(path)
    return written


def side_by_side(before: Image, after: Image) -> Image:
    """Before, after, and how much each pixel differs (black: not at all; the most is white), an item a row."""
    from sdflow.pictures.likeness import difference_map
    from sdflow.pictures.pil import eight_bits

    rows: list[Image] = []
    labels: list[str] = []
    items = min(len(before.pixels), len(after.pixels))
    for one, two in zip(before.pixels[:items], after.pixels[:items], strict=True):
        pair = [eight_bits(one)[..., :3], eight_bits(two)[..., :3]]
        labels += ["before", "after"]
        if pair[0].shape == pair[1].shape:
            difference, most = difference_map(*pair)
            pair.append(difference)
            labels.append(f"difference, at most {most} of 255")
        rows += [Image(pixels[None]) for pixels in pair]
    return grid(rows, columns=len(rows) // items, labels=labels)


def _pairs(session: Session, old: Plan, new: Plan) -> "Iterator[tuple[str, Image, Image]]":
    """Outputs of the same name whose results are others, where both are kept."""
    before = {output.path: output.wire for output in old.outputs}
    for output in new.outputs:
        wire = before.get(output.path)
        if wire is None or old.keys[wire.node].key == new.keys[output.wire.node].key:
            continue
        one = _kept(session, old.keys[wire.node].key, wire.port)
        two = _kept(session, new.keys[output.wire.node].key, output.wire.port)
        if one is not None and two is not None:
            yield output.path, one, two


def _kept(session: Session, key: str, port: str) -> Image | None:
    try:
        value = session.results.value(key, port)
    except LostValueError:
        return None
    return value if isinstance(value, Image) else None
