"""The output pictures of a run, as a page holds them: as files of PNG and WebP, not larger than a screen."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from sdflow.graph.outputs import file_name
from sdflow.pages.report import Shown
from sdflow.provenance.withheld import Withheld
from sdflow.store import LostValueError
from sdflow.values import Animation, Image, ImageSpec, Mask, MaskSpec, StoredValue
from sdflow.workflow import RunResult, Session

_MOST = 100
_LARGEST = 1280
_LOSSLESS = 512
"""Pixels of the longer side: up to these, a picture is shown bit by bit."""


def shown(session: Session, result: RunResult) -> tuple[tuple[Shown, ...], int]:
    """The first hundred pictures of a run that there are and that no node withholds, and how many come after them."""
    found = _all(session, result)
    pictures = tuple(make() for make in islice(found, _MOST))
    return pictures, sum(1 for _ in found)


def _all(session: Session, result: RunResult) -> Iterator[Callable[[], Shown]]:
    plan = result.prepared.plan
    withheld = Withheld(plan, session.results.value)
    for output in plan.outputs:
        if output.wire.node not in plan.nodes or output.wire.node not in plan.keys:
            continue
        planned = plan.inferred[output.wire.node][output.wire.port]
        try:
            value = session.results.value(plan.keys[output.wire.node].key, output.wire.port)
            for index in range(planned.batch if isinstance(planned, ImageSpec | MaskSpec) else 1):
                if not withheld.by(output, index):
                    yield from _item(value, index, file_name(output.path, index))
        except LostValueError:
            continue  # a node failed, or was skipped


def _item(value: StoredValue, index: int, path: str) -> Iterator[Callable[[], Shown]]:
    if isinstance(value, Animation):
        yield partial(_film, value, path)
        return
    if isinstance(value, Mask):
        from sdflow.pictures.mask import picture_of

        value = picture_of(value)
    if isinstance(value, Image):
        yield partial(_picture, Image(value.pixels[index : index + 1]), path)


def _film(animation: Animation, path: str) -> Shown:
    from sdflow.pictures.animation import to_webp

    return Shown(path, to_webp(animation, {}), "image/webp")


def _picture(image: Image, path: str) -> Shown:
    from sdflow.pictures.resize import resize
    from sdflow.pictures.write import encode

    height, width = image.pixels.shape[1:3]
    caption = f"{path}, {width}×{height}"
    if max(height, width) <= _LOSSLESS:
        return Shown(caption, encode(image, "PNG"), "image/png")
    if max(height, width) > _LARGEST:
        image = resize(image, _LARGEST, _LARGEST, fit="contain", filter="lanczos")
    return Shown(caption, encode(image, "WEBP"), "image/webp")
