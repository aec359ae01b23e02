"""Pictures and animations as goldens keep them."""

from pathlib import Path

import numpy as np
import pytest

from sdflow.golden.compare import alike
from sdflow.golden.frames import Frames, difference_maps, frames_of, from_png, picture_name, shrunk, to_png
from sdflow.golden.made import Made
from sdflow.golden.record import draft
from sdflow.golden.reference import Golden
from sdflow.values import Animation, Image, Mask

Depth = type[np.uint8] | type[np.uint16]


def frames(count: int, height: int, width: int, channels: int = 3, kind: Depth = np.uint8) -> Frames:
    random = np.random.default_rng(count * height * width)
    found: Frames = random.integers(
        0, np.iinfo(kind).max, (count, height, width, channels), kind, endpoint=True
    )
    return found


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_written_is_read_back(tmp_path: Path, count: int, channels: int, kind: Depth) -> None:
    before = frames(count, 6, 5, channels, kind)
    (tmp_path / "a.png").write_bytes(to_png(before))
    after = from_png(tmp_path / "a.png", count)
    assert after.dtype == before.dtype
    assert np.array_equal(after, before)


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(300, 600, (128, 256)), (600, 300, (256, 128)), (256, 40, (256, 40)), (3000, 1, (256, 1))],
)
def test_large_pictures_get_smaller_in_their_proportions(
    height: int, width: int, size: tuple[int, int]
) -> None:
    for kind in (np.uint8, np.uint16):
        assert shrunk(frames(2, height, width, kind=kind), 256).shape == (2, *size, 3)


def test_what_there_is_to_see() -> None:
    image = Image(frames(2, 4, 4))
    shown = frames_of(image, 1)
    assert shown is not None
    assert np.array_equal(shown, image.pixels[1:2])
    shown = frames_of(Animation(image, 8.0), 0)
    assert shown is not None
    assert len(shown) == 2
    shown = frames_of(Mask(np.full((1, 2, 2), 7, dtype=np.uint8)), 0)
    assert shown is not None
    assert shown.tolist() == np.full((1, 2, 2, 3), 7).tolist()


def test_an_animation_is_as_alike_as_its_worst_frame() -> None:
    one = frames(3, 16, 16)
    two = one.copy()
    two[1] = 255 - two[1]
    found = alike(one, two)
    assert found == alike(one[1:2], two[1:2])
    assert found.psnr < 10
    maps, most = difference_maps(one, two)
    assert (maps.shape, most) == ((3, 16, 16, 3), 255)
    assert maps[0].max() == maps[2].max() == 0
    assert maps[1].max() == 255


def test_every_output_has_a_picture_of_its_own() -> None:
    assert picture_name("a/b.png") == "a/b.png"
    assert picture_name("a/b.jpg") == "a/b.jpg.png"
    made = [Made(path, f"sha256:{path}", "", frames(1, 2, 2)) for path in ("b.jpg", "b.jpg.png", "B.png")]
    found = draft(Golden(), None, Path("nowhere"), made)
    assert len({it.picture for it in found.golden.outputs.values()}) == len(found.pictures) == 3
