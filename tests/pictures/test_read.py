"""Input pictures: whatever a file holds becomes upright sRGB, and its header says beforehand what that is."""

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms, ImageOps

from sdflow.pictures.png_texts import chunk
from sdflow.pictures.read import ImageFacts, facts_of, read
from sdflow.pictures.sixteen_bits import encode
from sdflow.problems import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def picture(mode: str = "RGB", size: tuple[int, int] = (13, 7)) -> PIL.Image.Image:
    """Smooth colours with no symmetry, so that every turn and mirror shows."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    rgba = np.stack([x * 17, y * 29, x * 5 + y * 7, 255 - x * 9 - y * 5], axis=2) % 256
    im = PIL.Image.fromarray(rgba.astype(np.uint8))
    return im.convert(mode) if mode in ("LA", "RGBA") else im.convert("RGB").convert(mode)


def saved(tmp_path: Path, im: PIL.Image.Image, name: str = "in.png", **options: object) -> Path:
    path = tmp_path / name
    im.save(path, **options)  # type: ignore[arg-type]  # Pillow's options differ by format
    return path


def code_of(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read(path)
    with pytest.raises(UserError) as planned:
        facts_of(path)
    assert planned.value.problems == caught.value.problems, "planning and running tell the same"
    assert path.name in str(caught.value)
    return caught.value.problems[0].code


def pixels_of(path: Path) -> "NDArray[np.uint8] | NDArray[np.uint16]":
    """The pixels read, after checking that the header promised just these."""
    image, facts = read(path), facts_of(path)
    batch, height, width, channels = image.pixels.shape
    assert (batch, facts.height, facts.width, facts.channels) == (1, height, width, channels)
    assert facts.depth == image.pixels.itemsize * 8
    assert image.pixels.flags.c_contiguous
    pixels: NDArray[np.uint8] | NDArray[np.uint16] = image.pixels[0]
    return pixels


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.webp", "a.jpg", "a.gif", "a.avif"])
def test_every_format_reads_as_pillow_reads_it(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, picture(), name)
    with PIL.Image.open(path) as im:
        expected = np.asarray(im.convert("RGB"))
        assert facts_of(path) == ImageFacts(13, 7, 3, 8, str(im.format), 1)
    assert np.array_equal(pixels_of(path), expected)


def test_the_contents_decide_and_not_the_extension(tmp_path: Path) -> None:
    path = saved(tmp_path, picture(), "a.jpg", format="PNG")
    assert facts_of(path).format == "PNG"


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_opaque_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    im = picture(mode)
    assert np.array_equal(pixels_of(saved(tmp_path, im)), np.asarray(im.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_modes_become_rgba(tmp_path: Path, mode: str) -> None:
    im = picture(mode)
    assert np.array_equal(pixels_of(saved(tmp_path, im)), np.asarray(im.convert("RGBA")))


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_a_transparent_palette_entry_becomes_alpha(tmp_path: Path, name: str) -> None:
    im = picture("P")
    index = im.getpixel((3, 3))
    alpha = pixels_of(saved(tmp_path, im, name, transparency=index))[..., 3]
    assert alpha[3, 3] == 0
    assert alpha.max() == 255


def test_transparency_behind_the_pixels_is_too_late(tmp_path: Path) -> None:
    """The header has promised three channels by then."""
    path = saved(tmp_path, picture())
    data = path.read_bytes()
    path.write_bytes(data[:-12] + chunk(b"tRNS", b"\0\0" * 3) + data[-12:])
    assert np.array_equal(pixels_of(path), np.asarray(picture()))


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = saved(tmp_path, picture("CMYK"), "a.jpg", quality=95)
    with PIL.Image.open(path) as im:
        assert im.mode == "CMYK"
        assert np.array_equal(pixels_of(path), np.asarray(im.convert("RGB")))


def test_the_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    for name in ("a.gif", "a.webp", "a.png"):
        path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], lossless=True)
        assert facts_of(path).frames == 3
        assert (pixels_of(path)[..., :3] == [255, 0, 0]).all()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff", "a.avif"])
@pytest.mark.parametrize("orientation", range(10))
def test_every_exif_orientation_is_applied(tmp_path: Path, name: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, picture(), name, exif=exif.tobytes())
    with PIL.Image.open(path) as im:
        upright = np.asarray(ImageOps.exif_transpose(im).convert("RGB"))
    assert upright.shape == ((13, 7, 3) if orientation in (5, 6, 7, 8) else (7, 13, 3))
    assert np.array_equal(pixels_of(path), upright)


def test_damaged_exif_does_not_hinder_reading(tmp_path: Path) -> None:
    path = saved(tmp_path, picture(), "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.array_equal(pixels_of(path), np.asarray(picture()))


class TestProfiles:
    @staticmethod
    def swapped() -> bytes:
        """A profile in which red and blue have changed places: an sRGB with two tags exchanged."""
        data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        data = data.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)
        return data.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")).replace(b"sRGB", b"swap")

    def test_a_foreign_profile_is_converted(self, tmp_path: Path) -> None:
        red = PIL.Image.new("RGB", (4, 4), (255, 0, 0))
        assert pixels_of(saved(tmp_path, red, icc_profile=self.swapped()))[0, 0].tolist() == [0, 0, 255]

    def test_alpha_passes_by_the_profile(self, tmp_path: Path) -> None:
        red = PIL.Image.new("RGBA", (4, 4), (255, 0, 0, 77))
        assert pixels_of(saved(tmp_path, red, icc_profile=self.swapped()))[0, 0].tolist() == [0, 0, 255, 77]

    def test_srgb_changes_nothing(self, tmp_path: Path) -> None:
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert np.array_equal(pixels_of(saved(tmp_path, picture(), icc_profile=srgb)), np.asarray(picture()))

    @pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200])
    def test_a_broken_profile_is_passed_over(self, tmp_path: Path, profile: bytes) -> None:
        path = saved(tmp_path, picture(), icc_profile=profile)
        assert np.array_equal(pixels_of(path), np.asarray(picture()))

    def test_sixteen_bits_with_a_foreign_profile_read_at_eight(self, tmp_path: Path) -> None:
        path = saved(
            tmp_path, PIL.Image.fromarray(np.full((3, 3), 51400, np.uint16)), icc_profile=self.swapped()
        )
        assert facts_of(path).depth == 8
        assert pixels_of(path).dtype == np.uint8


class TestSixteenBits:
    """Pillow reads 16-bit colour as 8 bits; here every bit must come back."""

    values: "NDArray[np.uint16]" = np.random.default_rng(0).integers(0, 65536, (9, 11, 4)).astype(np.uint16)

    @staticmethod
    def png(values: "NDArray[np.uint16]", colour_type: int, *extra: bytes) -> bytes:
        height, width, _ = values.shape
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        return b"".join(
            (
                b"\x89PNG\r\n\x1a\n",
                chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)),
                *extra,
                chunk(b"IDAT", zlib.compress(rows)),
                chunk(b"IEND", b""),
            )
        )

    def read(self, tmp_path: Path, data: bytes) -> "NDArray[np.uint8] | NDArray[np.uint16]":
        path = tmp_path / "deep.png"
        path.write_bytes(data)
        pixels = pixels_of(path)
        assert pixels.dtype == np.uint16
        return pixels

    def test_grey(self, tmp_path: Path) -> None:
        grey = self.values[..., :1]
        assert np.array_equal(self.read(tmp_path, self.png(grey, 0)), grey.repeat(3, axis=2))

    def test_grey_with_alpha(self, tmp_path: Path) -> None:
        grey, alpha = self.values[..., :1], self.values[..., 1:2]
        expected = np.concatenate([grey, grey, grey, alpha], axis=2)
        assert np.array_equal(self.read(tmp_path, self.png(self.values[..., :2], 4)), expected)

    def test_rgb(self, tmp_path: Path) -> None:
        rgb = self.values[..., :3]
        assert np.array_equal(self.read(tmp_path, self.png(rgb, 2)), rgb)

    def test_rgba(self, tmp_path: Path) -> None:
        assert np.array_equal(self.read(tmp_path, self.png(self.values, 6)), self.values)

    @pytest.mark.parametrize("channels", [3, 4])
    def test_what_is_encoded_is_read_again(self, tmp_path: Path, channels: int) -> None:
        values = self.values[..., :channels]
        assert np.array_equal(self.read(tmp_path, encode(values, 6)), values)

    def test_a_transparent_colour(self, tmp_path: Path) -> None:
        rgb = self.values[..., :3]
        data = self.png(rgb, 2, chunk(b"tRNS", rgb[2, 5].astype(">u2").tobytes()))
        alpha = self.read(tmp_path, data)[..., 3]
        assert alpha[2, 5] == 0
        assert (alpha == 65535).sum() == alpha.size - 1

    def test_orientation(self, tmp_path: Path) -> None:
        rgb = self.values[..., :3]
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        data = self.png(rgb, 2, chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
        assert np.array_equal(self.read(tmp_path, data), np.rot90(rgb, -1))


class TestRefusals:
    @pytest.mark.parametrize(
        ("contents", "code", "words"),
        [
            (b"", "SDF342", "an empty file"),
            (b"hello", "SDF342", "not a picture"),
            (b"<!DOCTYPE html><html>", "SDF342", "a web page"),
            (b"version https://git-lfs.github.com/spec/v1\n", "SDF342", "git lfs pull"),
            (b"sdflow: 1\n", "SDF342", "a recipe"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "SDF343", "HEIC"),
            (b"<svg xmlns=''>", "SDF343", "SVG"),
            (b"%PDF-1.7", "SDF343", "a PDF"),
            (b"\x89PNG\r\n\x1a\n", "SDF344", "damaged"),
            (b"\xff\xd8\xff\xe0", "SDF344", "damaged"),
        ],
    )
    def test_other_files(self, tmp_path: Path, contents: bytes, code: str, words: str) -> None:
        path = tmp_path / "in.png"
        path.write_bytes(contents)
        assert code_of(path) == code
        with pytest.raises(UserError, match=words):
            read(path)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        assert code_of(tmp_path / "none.png") == "SDF341"

    def test_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "folder.png").mkdir()
        assert code_of(tmp_path / "folder.png") == "SDF341"

    def test_a_decompression_bomb(self, tmp_path: Path) -> None:
        data = bytearray(encode(np.zeros((1, 1, 3), np.uint16), 6))
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
        data[8 : 8 + len(header)] = header
        path = tmp_path / "bomb.png"
        path.write_bytes(data)
        assert code_of(path) == "SDF345"

    def test_a_large_picture_below_the_limit_gives_no_warning(self, tmp_path: Path) -> None:
        path = saved(tmp_path, PIL.Image.new("1", (10_000, 9_500)))
        assert facts_of(path).width == 10_000

    def test_floating_point_pixels(self, tmp_path: Path) -> None:
        assert code_of(saved(tmp_path, PIL.Image.new("F", (3, 3)), "a.tiff")) == "SDF343"


def _files() -> dict[str, bytes]:
    files = {}
    for name in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"):
        buffer = io.BytesIO()
        picture(size=(40, 30)).save(buffer, name)
        files[name] = buffer.getvalue()
    files["PNG16"] = encode(np.zeros((30, 40, 3), np.uint16), 0)
    return files


FILES = _files()


@given(name=st.sampled_from(sorted(FILES)), part=st.floats(0, 1), garbage=st.binary(max_size=20))
def test_truncated_and_overwritten_files_never_crash(
    tmp_path_factory: pytest.TempPathFactory, name: str, part: float, garbage: bytes
) -> None:
    data = FILES[name]
    cut = int(len(data) * part)
    path = tmp_path_factory.mktemp("cut") / "in.bin"
    path.write_bytes(data[:cut] + garbage)
    with suppress(UserError):
        facts = facts_of(path)
        assert read(path).pixels.shape == (1, facts.height, facts.width, facts.channels)
