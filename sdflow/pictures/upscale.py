"""Plain enlargement, without a model."""

from sdflow.pictures.resize import Filter, resize
from sdflow.values.image import Image


def upscale(image: Image, factor: float, *, filter: Filter = "bicubic") -> Image:  # noqa: A002  # the field's word
    """Every picture of a batch, each side `factor` times as long (see `size_after` with a `scale`).

    Raises:
        UserError: SDF347, the factor is not above zero, or the result too large.
    """
    return resize(image, scale=factor, filter=filter)
