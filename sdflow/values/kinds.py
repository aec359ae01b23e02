"""From the name of a kind to its values."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from sdflow.values.animation import Animation
from sdflow.values.conditioning import Conditioning
from sdflow.values.encoded import Encoded
from sdflow.values.image import Image, Mask
from sdflow.values.image_prompt import ImagePrompt
from sdflow.values.latent import Latent
from sdflow.values.region import Region
from sdflow.values.trajectory import State


class StoredValue(Protocol):
    """A value that can be kept."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""

    def encode(self) -> Encoded:
        """Its stored form."""


Decoder: TypeAlias = Callable[[Encoded], StoredValue]

DECODERS: Mapping[str, Decoder] = {
    Animation.kind: Animation.decode,
    Conditioning.kind: Conditioning.decode,
    Image.kind: Image.decode,
    ImagePrompt.kind: ImagePrompt.decode,
    Latent.kind: Latent.decode,
    Mask.kind: Mask.decode,
    Region.kind: Region.decode,
    State.kind: State.decode,
}


def decode(encoded: Encoded) -> StoredValue:
    """The value of a stored form.

    Raises:
        ValueError: a kind that this version does not know.
    """
    decoder = DECODERS.get(encoded.kind)
    if decoder is None:
        raise ValueError(f"unknown kind of value: {encoded.kind}")
    return decoder(encoded)
