"""Tiles as nodes are told of them: in pixels, and only where there are tiles."""

from typing import TYPE_CHECKING

from sdflow.graph.node import Refusal
from sdflow.nodes.latents import in_elements

if TYPE_CHECKING:
    from sdflow.diffusion.tiles import Tiling

TILE = 512
"""A tile of Stable Diffusion's own size."""

TILES = frozenset({"tile", "tile_overlap"})
"""The fields that say how large tiles are, as they are called in Python."""


def refuse_tiles(tile: int, overlap: int | None, factor: int, *, tiling: bool, given: frozenset[str]) -> None:
    """Refuse sizes of tiles that make no sense, or that nothing heeds; `given` are the fields that were written.

    Raises:
        Refusal: they are no multiples of the factor, the overlap is more than half of a tile, or there are no tiles.
    """
    if not tiling:
        for field in sorted(TILES & given):
            message = f"{field.replace('_', '-')} is of no use without tiles"
            raise Refusal(message, field=field, code="SDF214", hint="write tiling: true")
        return
    in_elements({"tile": tile, "tile-overlap": overlap or 0}, factor)
    if overlap is not None and 2 * overlap > tile:
        message = f"tiles of {tile} that overlap by {overlap}: more than half of each"
        raise Refusal(message, field="tile_overlap", hint=f"at most {tile // 2}; a quarter is usual")


def tiling_of(tile: int, overlap: int | None, factor: int) -> "Tiling":
    """Tiles in latent elements."""
    from sdflow.diffusion.tiles import Tiling

    return Tiling(tile // factor, (tile // 4 if overlap is None else overlap) // factor)
