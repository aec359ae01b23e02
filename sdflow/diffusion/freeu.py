"""FreeU (arXiv:2309.11497): the UNet's skip connections weakened and its backbone strengthened, without training."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_FACTORS = ("s1", "s2", "b1", "b2")


@dataclass(frozen=True, slots=True)
class FreeU:
    """Factors for the two deepest levels of the UNet's way up: of skip connections (s) and of the backbone (b)."""

    s1: float
    s2: float
    b1: float
    b2: float


@contextmanager
def with_freeu(unet: Any, freeu: FreeU | None) -> Iterator[None]:
    """A `UNet2DConditionModel` with FreeU for as long as this lasts; None is none."""
    if freeu is None:
        yield
        return
    before = [(block, {name: getattr(block, name, None) for name in _FACTORS}) for block in unet.up_blocks]
    unet.enable_freeu(s1=freeu.s1, s2=freeu.s2, b1=freeu.b1, b2=freeu.b2)
    try:
        yield
    finally:
        for block, factors in before:
            for name, factor in factors.items():
                setattr(block, name, factor)
