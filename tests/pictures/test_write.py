"""Output pictures: as told, whole or not at all, equal bytes for equal pictures."""

import errno
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sdflow.pictures.read import facts_of, read
from sdflow.pictures.write import Encoding, check_encoding, format_of, write
from sdflow.problems import UserError
from sdflow.values import Image


def smooth(channels: int = 3, batch: int = 1) -> Image:
    y, x = np.mgrid[0:24, 0:40]
    planes = [x * 6, y * 10, (x + y) * 3, 255 - y * 5][:channels]
    pixels = np.stack(planes, axis=2).astype(np.uint8)
    return Image(np.stack([np.roll(pixels, place, axis=0) for place in range(batch)]))


def code_of(error: pytest.ExceptionInfo[UserError]) -> str:
    return error.value.problems[0].code


@pytest.mark.parametrize("channels", [3, 4])
def test_png_keeps_every_pixel(tmp_path: Path, channels: int) -> None:
    image = smooth(channels)
    write(image, tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png").pixels, image.pixels)


@pytest.mark.parametrize("channels", [3, 4])
def test_png_keeps_sixteen_bits(tmp_path: Path, channels: int) -> None:
    image = Image(smooth(channels).pixels.astype(np.uint16) * 251 + 7)
    write(image, tmp_path / "a.png", texts={"sdflow": "{}"})
    assert facts_of(tmp_path / "a.png").depth == 16
    assert np.array_equal(read(tmp_path / "a.png").pixels, image.pixels)
    with PIL.Image.open(tmp_path / "a.png") as other:
        assert np.array_equal(np.asarray(other), image.pixels[0] >> 8), "Pillow sees the high bytes"


def test_lossless_webp_keeps_every_pixel_even_under_transparency(tmp_path: Path) -> None:
    image = smooth(4)
    image.pixels[..., 3] = 0
    write(image, tmp_path / "a.webp", encoding=Encoding(lossless=True))
    assert np.array_equal(read(tmp_path / "a.webp").pixels, image.pixels)


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.webp"])
def test_lossy_formats_come_close(tmp_path: Path, name: str) -> None:
    write(smooth(), tmp_path / name)
    assert np.abs(read(tmp_path / name).pixels.astype(int) - smooth().pixels).mean() < 4


def test_lower_quality_is_smaller(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.webp"):
        write(smooth(), tmp_path / name, encoding=Encoding(quality=95))
        large = (tmp_path / name).stat().st_size
        write(smooth(), tmp_path / name, encoding=Encoding(quality=10))
        assert (tmp_path / name).stat().st_size < large


def test_jpeg_shows_white_behind_transparency(tmp_path: Path) -> None:
    image = smooth(4)
    image.pixels[..., 3] = 0
    write(image, tmp_path / "a.jpg")
    assert (read(tmp_path / "a.jpg").pixels >= 254).all()


def test_the_index_picks_the_picture_of_a_batch(tmp_path: Path) -> None:
    image = smooth(batch=3)
    write(image, tmp_path / "a.png", index=2)
    assert np.array_equal(read(tmp_path / "a.png").pixels[0], image.pixels[2])


def test_folders_are_made(tmp_path: Path) -> None:
    write(smooth(), tmp_path / "new" / "folder" / "a.png")
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_equal_pictures_and_texts_give_equal_bytes(tmp_path: Path, name: str) -> None:
    texts = {"parameters": "a cat\nSteps: 3", "sdflow": '{"a":1}' * 500}
    write(smooth(), tmp_path / name, texts=texts)
    first = (tmp_path / name).read_bytes()
    write(smooth(), tmp_path / name, texts=texts)
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize(
    ("name", "format_"), [("a.PNG", "PNG"), ("a.b.jpeg", "JPEG"), ("x.JPG", "JPEG"), ("x.webp", "WEBP")]
)
def test_the_extension_names_the_format(name: str, format_: str) -> None:
    assert format_of(Path(name)) == format_


@pytest.mark.parametrize(
    ("name", "hint"), [("a.jpgg", ".jpg"), ("a", ".png"), ("a.gif", ".png"), ("a.pgn", ".png")]
)
def test_other_extensions(name: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        format_of(Path(name))
    assert code_of(caught) == "SDF703"
    assert hint in str(caught.value.problems[0].hint)


@pytest.mark.parametrize(
    ("name", "size", "encoding", "code"),
    [
        ("a.webp", (16_384, 8), Encoding(), "SDF704"),
        ("a.jpg", (8, 65_501), Encoding(), "SDF704"),
        ("a.jpg", (8, 8), Encoding(quality=0), "SDF705"),
        ("a.jpg", (8, 8), Encoding(quality=101), "SDF705"),
        ("a.png", (8, 8), Encoding(quality=90), "SDF705"),
        ("a.jpg", (8, 8), Encoding(lossless=True), "SDF705"),
        ("a.png", (8, 8), Encoding(compression=10), "SDF705"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_while_planning(
    name: str, size: tuple[int, int], encoding: Encoding, code: str
) -> None:
    with pytest.raises(UserError) as caught:
        check_encoding(Path(name), *size, encoding)
    assert code_of(caught) == code


class TestFailures:
    """Whatever goes wrong: a clear message, the earlier picture untouched, nothing left over."""

    @pytest.fixture
    def earlier(self, tmp_path: Path) -> Path:
        (tmp_path / "a.png").write_bytes(b"earlier")
        return tmp_path / "a.png"

    @pytest.mark.parametrize(
        ("number", "code"),
        [
            (errno.ENOSPC, "SDF702"),
            (errno.EDQUOT, "SDF702"),
            (errno.EACCES, "SDF701"),
            (errno.EROFS, "SDF701"),
        ],
    )
    def test_the_system_refuses(
        self, earlier: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
    ) -> None:
        def refuse(_: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(UserError) as caught:
            write(smooth(), earlier)
        assert code_of(caught) == code
        assert earlier.read_bytes() == b"earlier"
        assert list(earlier.parent.iterdir()) == [earlier]

    def test_interrupted(self, earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(_: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write(smooth(), earlier)
        assert earlier.read_bytes() == b"earlier"
        assert list(earlier.parent.iterdir()) == [earlier]

    def test_a_folder_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").mkdir()
        with pytest.raises(UserError) as caught:
            write(smooth(), tmp_path / "a.png")
        assert code_of(caught) == "SDF706"

    def test_a_file_in_the_way(self, earlier: Path) -> None:
        with pytest.raises(UserError) as caught:
            write(smooth(), earlier / "b.png")
        assert code_of(caught) == "SDF706"

    def test_a_full_disk(self) -> None:
        full = Path("/dev/full")
        if not full.exists():
            pytest.skip("no /dev/full here")
        with pytest.raises(OSError) as caught, full.open("wb", buffering=0) as file:
            file.write(b"x")
        assert caught.value.errno == errno.ENOSPC, "the error that the table above stands for"
