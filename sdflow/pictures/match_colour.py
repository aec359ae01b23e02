"""The colours of one picture for another."""

from typing import TYPE_CHECKING, Literal, TypeAlias

from sdflow.pictures.items import image_of, item_of
from sdflow.pictures.lab import lab_of, rgb_of
from sdflow.values.image import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

Method: TypeAlias = Literal["mean-std", "histogram"]


def match_colour(
    image: Image, reference: Image, *, method: Method = "mean-std", strength: float = 1.0
) -> Image:
    """Pictures with the colours of a reference, in CIE Lab; a batch of one serves all items of the other.

    mean-std: mean and deviation of each channel ("Color Transfer between Images", Reinhard et al. 2001, in another
    space of lightness and two opponent colours). histogram: each channel's whole distribution, as A1111 does.
    """
    import numpy as np

    count = max(len(image.pixels), len(reference.pixels))
    change = _by_mean if method == "mean-std" else _by_histogram
    made = []
    for index in range(count):
        pixels = item_of(image.pixels, index)
        lab, other = (_lab(item_of(it.pixels, index)) for it in (image, reference))
        matched = np.stack([change(lab[..., part], other[..., part]) for part in range(3)], axis=-1)
        full = np.iinfo(pixels.dtype).max
        colours = rgb_of(lab + (matched - lab) * strength) * full + 0.5
        made.append(np.dstack([colours.astype(pixels.dtype), pixels[..., 3:]]))
    return image_of(made)


def _lab(pixels: "NDArray[np.uint8] | NDArray[np.uint16]") -> "Numbers":
    import numpy as np

    return lab_of(pixels[..., :3] / float(np.iinfo(pixels.dtype).max))


def _by_mean(values: "Numbers", other: "Numbers") -> "Numbers":
    spread = float(values.std())
    scale = float(other.std()) / spread if spread else 0.0
    matched: Numbers = (values - values.mean()) * scale + other.mean()
    return matched


def _by_histogram(values: "Numbers", other: "Numbers") -> "Numbers":
    """Each value by that of the other picture which stands at the same place in order."""
    import numpy as np

    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    others, other_counts = np.unique(other, return_counts=True)
    places = (np.cumsum(counts) - counts / 2) / values.size
    other_places = (np.cumsum(other_counts) - other_counts / 2) / other.size
    matched: Numbers = np.interp(places, other_places, others)[where].reshape(values.shape)
    return matched
