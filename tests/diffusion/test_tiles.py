"""Tiles: where they lie and how they blend; and a VAE in tiles against the whole, and against diffusers' tiling."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from sdflow.diffusion.streams import streams_from_seeds
from sdflow.diffusion.tiles import Tiling, in_tiles
from sdflow.diffusion.vae import decode_latent, encode_image
from sdflow.values import CLEAN, Image, Latent
from tests.diffusion.reference import SPACE


@pytest.mark.parametrize("length", [1, 15, 16, 17, 40, 64, 97])
@pytest.mark.parametrize("overlap", [0, 3, 8])
def test_tiles_cover_everything_share_enough_and_weigh_one_together(length: int, overlap: int) -> None:
    spans = Tiling(16, overlap).spans(length)
    assert spans[0].start == 0
    assert spans[-1].start + spans[-1].size == length
    assert {span.size for span in spans} == {min(16, length)}
    assert all(span.before >= overlap for span in spans[1:])
    for times in (1, 8):
        total = torch.zeros(length * times)
        for span in spans:
            total[span.of(times)] += span.weights(times)
        if overlap < 8 or len(spans) < 3 or all(s.before + s.after <= s.size for s in spans):
            assert torch.allclose(total, torch.ones(length * times), atol=1e-4)


@pytest.mark.parametrize(("taken", "given"), [(1, 1), (1, 4), (4, 1)])
def test_what_is_made_of_each_place_alone_is_made_of_tiles_just_as_well(taken: int, given: int) -> None:
    source = torch.randn(2, 3, 21 * taken, 34 * taken, generator=torch.Generator().manual_seed(1))

    def make(piece: torch.Tensor) -> torch.Tensor:
        if given > 1:
            piece = piece.repeat_interleave(given, 2).repeat_interleave(given, 3)
        return torch.nn.functional.avg_pool2d(piece, taken) if taken > 1 else piece * 2

    made = in_tiles(source, make, Tiling(8, 3), taken=taken, given=given)
    assert torch.allclose(made, make(source), atol=1e-5)


def test_no_tile_is_larger_than_it_is_told_however_large_the_picture() -> None:
    seen: list[tuple[int, ...]] = []

    def make(piece: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(piece.shape))
        return piece

    for side in (16, 50, 200):
        in_tiles(torch.zeros(1, 1, side, side), make, Tiling(16, 4))
    assert set(seen) == {(1, 1, 16, 16)}
    seen.clear()
    in_tiles(torch.zeros(1, 1, 9, 12), make, Tiling(16, 4))
    assert seen == [(1, 1, 9, 12)], "what fits is made in one go"


TILE, OVERLAP = 128, 32
"""Of toybox' own size, and a quarter of it: what diffusers takes."""


@pytest.fixture(scope="module")
def vae(toybox: Path) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL.from_pretrained(toybox / "vae").eval()


@pytest.fixture(scope="module")
def picture() -> Image:
    """Four drawings on a sheet, 256×256."""
    with Pillow.open(Path(__file__).parents[2] / "docs" / "quickstart.png") as sheet:
        small = sheet.convert("RGB").resize((256, 256), Pillow.Resampling.LANCZOS)
    return Image(np.array(small)[None])


@pytest.fixture(scope="module")
def encoded(vae: Any, picture: Image) -> Latent:
    return encode_image(vae, picture, streams_from_seeds((1,)), SPACE)


@pytest.fixture(scope="module")
def whole(vae: Any, encoded: Latent) -> np.ndarray[Any, Any]:
    return decode_latent(vae, encoded, slicing=False, tiling=None).pixels.astype(int)


def psnr(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return 10 * math.log10(255**2 / float(((one - other) ** 2).mean()))


def tiled_by_diffusers(vae: Any, latent: Latent) -> np.ndarray[Any, Any]:
    vae.enable_tiling()
    try:
        return decode_latent(vae, latent, slicing=False, tiling=None).pixels.astype(int)
    finally:
        vae.disable_tiling()


def test_decoding_in_tiles_is_nearer_to_the_whole_than_diffusers_tiling(
    vae: Any, encoded: Latent, whole: np.ndarray[Any, Any]
) -> None:
    made = decode_latent(vae, encoded, slicing=False, tiling=Tiling(TILE // 8, OVERLAP // 8)).pixels
    theirs = psnr(tiled_by_diffusers(vae, encoded), whole)
    ours = psnr(made.astype(int), whole)
    assert ours > 32
    assert ours > theirs + 3
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in vae.modules())


def test_there_is_no_seam_where_tiles_meet(vae: Any, encoded: Latent, whole: np.ndarray[Any, Any]) -> None:
    tiling = Tiling(TILE // 8, OVERLAP // 8)
    made = decode_latent(vae, encoded, slicing=False, tiling=tiling).pixels.astype(int)
    error = (made - whole)[0].astype(float)
    steps = np.abs(np.diff(error, axis=1)).mean(axis=(0, 2))
    edges = [
        at * 8 - 1
        for span in tiling.spans(encoded.samples.shape[-1])
        for at in (span.start, span.start + span.size)
        if 0 < at < encoded.samples.shape[-1]
    ]
    own = np.abs(np.diff(whole[0].astype(float), axis=1)).mean()
    assert max(steps[edge] for edge in edges) < own, "below the picture's own gradient"
    assert max(steps[edge] for edge in edges) < 3 * steps.mean()


def test_encoding_in_tiles_is_near_the_whole_and_the_picture_comes_back(
    vae: Any, picture: Image, encoded: Latent, whole: np.ndarray[Any, Any]
) -> None:
    tiling = Tiling(TILE // 8, OVERLAP // 8)
    made = encode_image(vae, picture, streams_from_seeds((1,)), SPACE, tiling=tiling)
    assert made.level == CLEAN
    assert torch.equal(made.streams, encoded.streams)
    error = (made.samples - encoded.samples).pow(2).mean() / encoded.samples.pow(2).mean()
    assert float(error) < 0.02
    again = decode_latent(vae, made, slicing=False, tiling=None).pixels.astype(int)
    assert psnr(again, whole) > 28


def test_what_fits_into_one_tile_is_the_whole_to_the_bit(vae: Any, encoded: Latent) -> None:
    small = Latent(encoded.samples[..., :16, :12], encoded.streams, SPACE, CLEAN)
    once = decode_latent(vae, small, slicing=False, tiling=None).pixels
    assert np.array_equal(decode_latent(vae, small, slicing=False, tiling=Tiling(16, 4)).pixels, once)
