"""What nodes that make a hint of a picture have in common."""

from sdflow.graph.node import Refusal
from sdflow.values import ImageSpec

_COLOURS = 3


def refuse_alpha(image: ImageSpec, field: str = "image") -> None:
    """Refuse a picture with transparency, whose colours below it nobody has seen.

    Raises:
        Refusal: it has an alpha channel.
    """
    if image.channels != _COLOURS:
        hint = "write alpha: drop in its load-image node"
        raise Refusal(
            "the picture has an alpha channel, and only its colours are read", field=field, hint=hint
        )
