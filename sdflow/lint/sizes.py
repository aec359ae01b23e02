"""Sizes that a model was not trained for."""

from collections.abc import Iterator

from sdflow.lint.subject import Subject, finding
from sdflow.nodes.init_latent import InitLatent
from sdflow.problems import Problem

_LARGEST_RATIO, _SMALLEST_RATIO = 2.0, 0.5
"""Of the number of pixels to that of the native size: beyond, things double or fall apart."""
_MULTIPLE = 64
_SMALL_MODEL = 256
"""Pixels of a native side below which a model is a toy with rules of its own."""


def unlike_native(subject: Subject) -> Iterator[Problem]:
    """SDF805: many more or fewer pixels than the model was trained on."""
    for item, node in subject.nodes(InitLatent):
        model = subject.model_of(item)
        if model is None:
            continue
        width, height = model.native_size
        ratio = node.width * node.height / (width * height)
        if _SMALLEST_RATIO <= ratio <= _LARGEST_RATIO:
            continue
        what = "shows things twice" if ratio > 1 else "falls apart"
        message = f"{node.width}×{node.height} is far from {width}×{height}, which the model is made for"
        hint = f"What is drawn often {what}."
        if ratio > 1:
            hint += " Draw it smaller, and make it larger with upscale-latent and a second denoise."
        field = "width" if "width" in node.model_fields_set else "height"
        yield finding(item, (field,), "SDF805", message, hint)


def odd_sides(subject: Subject) -> Iterator[Problem]:
    """SDF806: a side that the UNet halves unevenly."""
    for item, node in subject.nodes(InitLatent):
        model = subject.model_of(item)
        if model is None or min(model.native_size) < _SMALL_MODEL:
            continue
        for field, side in (("width", node.width), ("height", node.height)):
            if side % _MULTIPLE:
                below = side // _MULTIPLE * _MULTIPLE
                near = f"{below} or {below + _MULTIPLE}" if below else f"{_MULTIPLE}"
                message = (
                    f"{field} {side} is no multiple of {_MULTIPLE}, the sides that the UNet halves evenly"
                )
                yield finding(item, (field,), "SDF806", message, f"Take {near}.")
