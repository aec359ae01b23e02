"""Texts inside pictures: whatever they say comes back, from every format, also after Pillow has saved it."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL.PngImagePlugin import PngInfo

from sdflow.pictures.exif import exif_with, texts_in_exif
from sdflow.pictures.packed import MAX_TEXT_BYTES
from sdflow.pictures.png_texts import chunk
from sdflow.pictures.read import read
from sdflow.pictures.texts import texts_of
from sdflow.pictures.write import FORMATS, encode, write
from sdflow.problems import UserError
from sdflow.values import Image

IMAGE = Image(np.arange(4 * 4 * 3, dtype=np.uint8).reshape(1, 4, 4, 3))
NAMES = ["a.png", "a.jpg", "a.webp"]
TEXTS = [
    "",
    "plain",
    "two\nlines, commas: colons",
    "emoji 🦄 and 猫 and é",
    "x" * 5_000,
    "\\u0000 as JSON writes it",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("parameters", TEXTS)
@pytest.mark.parametrize("record", TEXTS)
def test_both_texts_come_back(tmp_path: Path, name: str, parameters: str, record: str) -> None:
    texts = {"parameters": parameters, "sdflow": record}
    write(IMAGE, tmp_path / name, texts=texts)
    found = texts_of(tmp_path / name)
    assert {key: found[key] for key in texts} == texts
    assert read(tmp_path / name).pixels.shape == IMAGE.pixels.shape


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("only", ["parameters", "sdflow"])
def test_one_text_alone(tmp_path: Path, name: str, only: str) -> None:
    write(IMAGE, tmp_path / name, texts={only: "hello"})
    found = texts_of(tmp_path / name)
    assert (found.get("parameters"), found.get("sdflow")) == (
        "hello" if only == "parameters" else None,
        "hello" if only == "sdflow" else None,
    )


@pytest.mark.parametrize("name", NAMES)
def test_no_texts_leave_nothing(tmp_path: Path, name: str) -> None:
    write(IMAGE, tmp_path / name)
    assert not texts_of(tmp_path / name).keys() & {"sdflow", "parameters"}
    assert b"Exif" not in (tmp_path / name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1_000_000, 2**20, 3_000_000])
def test_a_record_of_megabytes(tmp_path: Path, name: str, size: int) -> None:
    """Random digits hardly compress, so that JPEG has to spread them over segments."""
    record = np.random.default_rng(5).bytes(size // 2).hex()
    write(IMAGE, tmp_path / name, texts={"parameters": "p", "sdflow": record})
    found = texts_of(tmp_path / name)
    assert found["sdflow"] == record
    assert found["parameters"] == "p"
    with PIL.Image.open(tmp_path / name) as other:
        other.load()
    read(tmp_path / name)


def test_jpeg_leaves_out_parameters_that_no_segment_holds(tmp_path: Path) -> None:
    write(IMAGE, tmp_path / "a.jpg", texts={"parameters": "x" * 40_000, "sdflow": "record"})
    found = texts_of(tmp_path / "a.jpg")
    assert found["sdflow"] == "record"
    assert "parameters" not in found


@given(
    parameters=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    record=st.text(st.characters(codec="ascii")),
)
def test_exif_is_what_pillow_reads(parameters: str, record: str) -> None:
    block = exif_with(parameters, record)
    exif = PIL.Image.Exif()
    exif.load(block)
    inner = exif.get_ifd(0x8769)
    assert exif[0x0131] == "sdflow"
    assert inner[0x9286] == b"UNICODE\0" + parameters.encode("utf-16-be")
    assert zlib.decompress(inner[0x927C].removeprefix(b"sdflow\0")).decode() == record
    found = texts_in_exif(block)
    assert found["sdflow"] == record
    assert texts_in_exif(exif.tobytes()) == found, "Pillow's own writing of it is read, too"


class TestAfterPillow:
    """Opening and saving again with Pillow keeps the record where Pillow can."""

    texts = {"parameters": "a cat 🐈\nSteps: 3", "sdflow": '{"recipe": 1}' * 300}

    @pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
    @pytest.mark.parametrize("parsed", [False, True])
    def test_exif_handed_on(self, tmp_path: Path, name: str, parsed: bool) -> None:
        write(IMAGE, tmp_path / name, texts=self.texts)
        with PIL.Image.open(tmp_path / name) as picture:
            picture.save(tmp_path / f"b{name}", exif=picture.getexif() if parsed else picture.info["exif"])
        found = texts_of(tmp_path / f"b{name}")
        assert {key: found.get(key) for key in self.texts} == self.texts

    def test_png_texts_handed_on(self, tmp_path: Path) -> None:
        write(IMAGE, tmp_path / "a.png", texts=self.texts)
        with PIL.Image.open(tmp_path / "a.png") as picture:
            info = PngInfo()
            for key, value in picture.text.items():  # type: ignore[attr-defined]  # of PngImageFile
                info.add_text(key, value, zip=True)
            picture.save(tmp_path / "b.png", pnginfo=info)
        assert texts_of(tmp_path / "b.png") == self.texts

    def test_pillow_reads_png_parameters_as_the_same_text(self, tmp_path: Path) -> None:
        write(IMAGE, tmp_path / "a.png", texts=self.texts)
        with PIL.Image.open(tmp_path / "a.png") as picture:
            assert picture.info["parameters"] == self.texts["parameters"]


class TestDamage:
    def test_a_flipped_bit_in_a_png(self, tmp_path: Path) -> None:
        data = bytearray(encode(IMAGE, "PNG", texts={"sdflow": "hello hello"}))
        data[data.index(b"hello")] ^= 1
        self.refused(tmp_path, bytes(data))

    def test_a_flipped_bit_in_a_jpeg(self, tmp_path: Path) -> None:
        data = bytearray(encode(IMAGE, "JPEG", texts={"sdflow": "hello"}))
        data[data.index(b"sdflow\0x") + 12] ^= 1
        self.refused(tmp_path, bytes(data))

    def test_a_missing_segment(self, tmp_path: Path) -> None:
        record = np.random.default_rng(5).bytes(200_000).hex()
        data = encode(IMAGE, "JPEG", texts={"sdflow": record})
        start = data.index(b"sdflow 2/") - 4
        (length,) = struct.unpack_from(">H", data, start + 2)
        self.refused(tmp_path, data[:start] + data[start + 2 + length :])

    def test_a_decompression_bomb(self, tmp_path: Path) -> None:
        bomb = zlib.compress(b"0" * (MAX_TEXT_BYTES + 1))
        data = encode(IMAGE, "PNG")
        self.refused(tmp_path, data[:33] + chunk(b"zTXt", b"sdflow\0\0" + bomb) + data[33:])

    def test_other_damaged_texts_do_not_matter(self, tmp_path: Path) -> None:
        data = encode(IMAGE, "PNG", texts={"sdflow": "fine"})
        (tmp_path / "a").write_bytes(data[:33] + chunk(b"zTXt", b"other\0\0not zlib") + data[33:])
        assert texts_of(tmp_path / "a") == {"sdflow": "fine"}

    @staticmethod
    def refused(tmp_path: Path, data: bytes) -> None:
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(UserError) as caught:
            texts_of(tmp_path / "a")
        assert caught.value.problems[0].code == "SDF352"


FILES = [
    encode(IMAGE, format_, texts={"parameters": "p", "sdflow": "r" * 3000})
    for format_ in sorted(set(FORMATS.values()))
]


@given(
    which=st.integers(0, len(FILES) - 1),
    part=st.floats(0, 1),
    junk=st.binary(max_size=30),
    skip=st.integers(0, 30),
)
def test_cut_and_overwritten_files_never_crash(
    tmp_path_factory: pytest.TempPathFactory, which: int, part: float, junk: bytes, skip: int
) -> None:
    data = FILES[which]
    place = int(part * len(data))
    path = tmp_path_factory.mktemp("cut") / "a"
    path.write_bytes(data[:place] + junk + data[place + skip :])
    try:
        found = texts_of(path)
    except UserError:
        return
    assert all(isinstance(text, str) for text in found.values())


def test_formats_that_sdflow_does_not_write_have_no_texts(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (2, 2)).save(buffer, "BMP")
    (tmp_path / "a.bmp").write_bytes(buffer.getvalue())
    assert texts_of(tmp_path / "a.bmp") == {}
