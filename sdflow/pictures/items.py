"""Batches that go together: one item serves all of another batch."""

from typing import TYPE_CHECKING, Any, TypeVar, cast

from sdflow.values.image import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]
    Array = TypeVar("Array", bound=NDArray[Any])


def item_of(batch: "Array", index: int) -> "Array":
    """Item `index` of a batch, or its only one."""
    return cast("Array", batch[index if len(batch) > 1 else 0])


def image_of(items: "Sequence[NDArray[Any]]") -> Image:
    """A batch of these pictures, each uint8 or uint16 [height, width, channels]."""
    import numpy as np

    return Image(cast("Pixels", np.stack(items)))
