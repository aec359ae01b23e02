"""Every kind of value equals its own round trip through the store, to the byte and in type, shape and level."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdflow.store import Store
from sdflow.values import (
    CLEAN,
    NOISE,
    Animation,
    Area,
    Box,
    Conditioning,
    Encoded,
    Entry,
    Image,
    ImagePrompt,
    Inpaint,
    Latent,
    LatentSpace,
    Level,
    LowResolution,
    Mask,
    Region,
    Span,
    State,
    StoredValue,
    decode,
)
from sdflow.values.kinds import DECODERS

torch = pytest.importorskip("torch")
SPACE = LatentSpace("sd", 4, 8)


def latent(level: Level = NOISE) -> Latent:
    streams = torch.stack([torch.Generator().manual_seed(seed).get_state() for seed in (1, 2)])
    return Latent(torch.randn(2, 4, 3, 5), streams, SPACE, level)


def values() -> dict[str, StoredValue]:
    rng = np.random.default_rng(3)
    return {
        "noise": latent(),
        "of a picture": replace(
            latent(CLEAN), samples=torch.randn(2, 4, 3, 5).contiguous(memory_format=torch.channels_last)
        ),
        "partial": latent(Level("partial", 7, "ab" * 32, of_picture=True)),
        "beside a mask": replace(
            latent(CLEAN),
            beside=Inpaint(
                torch.ones(1, 1, 3, 5),
                torch.randn(2, 4, 3, 5),
                torch.randn(2, 4, 3, 5),
                latent().streams,
                noise=torch.randn(2, 4, 3, 5),
            ),
        ),
        "animation": Animation(
            Image(rng.integers(0, 255, (3, 4, 6, 3), dtype=np.uint8)), 12.5, hold=1.0, loop=2
        ),
        "encoded pictures": ImagePrompt(torch.randn(2, 24), torch.zeros(2, 24)),
        "patches of encoded pictures": ImagePrompt(torch.randn(2, 5, 24), torch.randn(2, 5, 24)),
        "beside a small picture": replace(
            latent(), beside=LowResolution(torch.randn(2, 3, 3, 5), torch.tensor([20]))
        ),
        "conditioning": Conditioning(
            (Entry(torch.randn(2, 77, 8)), Entry(torch.randn(1, 77, 8, dtype=torch.float16))),
            (Entry(torch.randn(1, 77, 8, dtype=torch.bfloat16)),),
        ),
        "conditioning with everything": Conditioning(
            (
                Entry(
                    torch.randn(1, 77, 8),
                    torch.randn(1, 6),
                    Span(2, None, 0.25, 0.75, ((0, 2), (1, 3))),
                    0.5,
                    Area(0.0, 0.25, 0.5, 0.75),
                    torch.randint(0, 256, (1, 5, 7), dtype=torch.uint8),
                ),
                Entry(torch.randn(1, 154, 8), torch.randn(1, 6)),
            ),
            (Entry(torch.zeros(1, 77, 8), torch.zeros(1, 6), Span(until_step=3)),),
        ),
        "image": Image(rng.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)),
        "image with alpha and 16 bits": Image(rng.integers(0, 65536, (1, 5, 7, 4), dtype=np.uint16)),
        "mask": Mask(rng.integers(0, 256, (1, 5, 7), dtype=np.uint8)),
        "region": Region((Box(1, 2, 3, 4), Box(0, 0, 9, 9)), 20, 30),
        "state": State(
            3,
            latent(Level("partial", 3, "cd" * 32)),
            {"counter": 3, "outputs": ["tensor:0", None], "scale": 0.25},
            {"0": torch.randn(2, 4, 3, 5), "empty": torch.empty(0), "number": torch.tensor(1.5)},
        ),
    }


def same(one: Any, other: Any) -> bool:
    """Equal in every part, tensors to the bit."""
    if isinstance(one, torch.Tensor):
        alike = one.dtype == other.dtype and one.shape == other.shape and one.stride() == other.stride()
        return bool(alike and torch.equal(one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(
            same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__
        )
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def test_every_kind_is_here() -> None:
    assert {value.encode().kind for value in values().values()} == set(DECODERS)


@pytest.mark.parametrize("name", values())
def test_a_value_from_the_store_is_the_value(name: str, tmp_path: Path) -> None:
    value = values()[name]
    store = Store.open(tmp_path, limit_bytes=None)
    store.save("0" * 64, {}, {"port": value.encode()}, seconds=0.0, peak_bytes=None, environment={})
    again = decode(store.load("0" * 64)["port"])
    assert same(value, again)
    assert again.encode().to_bytes() == value.encode().to_bytes()
    assert again.nbytes == value.nbytes > 0


def test_a_kind_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind of value: Hologram"):
        decode(Encoded("Hologram", {}, {}))


def test_tensors_from_the_store_are_aligned_and_ones_own() -> None:
    value = latent()
    blob = value.encode().to_bytes()
    again = decode(Encoded.from_bytes(blob))
    assert isinstance(again, Latent)
    assert again.samples.data_ptr() % 64 == 0
    again.samples.zero_()
    assert same(decode(Encoded.from_bytes(blob)), value)
