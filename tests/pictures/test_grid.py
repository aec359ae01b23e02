"""Contact sheets: the size is known beforehand, pictures arrive untouched, words fit."""

import numpy as np
import PIL.ImageFont
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.pictures.grid import grid
from sdflow.pictures.layout import columns_for, grid_size, lay_out
from sdflow.pictures.lettering import WIDTHS, drawable, width_of, wrapped
from sdflow.pictures.sheet import Side, Wording
from sdflow.problems import UserError
from sdflow.values import Image

RED, BLUE = (255, 0, 0), (0, 0, 255)


def plain(colour: tuple[int, ...], width: int = 20, height: int = 10, batch: int = 1) -> Image:
    pixels = np.empty((batch, height, width, len(colour)), np.uint8)
    pixels[:] = colour
    return Image(pixels)


def noise(width: int, height: int, batch: int = 1) -> Image:
    return Image(np.random.default_rng(3).integers(0, 256, (batch, height, width, 3)).astype(np.uint8))


def test_pictures_fill_row_by_row_and_the_rest_is_background() -> None:
    made = grid([plain(RED), plain(BLUE), plain(RED)], columns=2, gap=2, background="#010203").pixels[0]
    expected = np.empty((26, 46, 3), np.uint8)
    expected[:] = (1, 2, 3)
    expected[2:12, 2:22] = expected[14:24, 2:22] = RED
    expected[2:12, 24:44] = BLUE
    assert np.array_equal(made, expected)


def test_the_pictures_of_a_batch_are_cells_in_order() -> None:
    batch = noise(8, 8, batch=4)
    apart = [Image(batch.pixels[index : index + 1]) for index in range(4)]
    assert np.array_equal(grid([batch], columns=2).pixels, grid(apart, columns=2).pixels)


def test_a_picture_of_its_cells_size_is_there_to_the_bit() -> None:
    image = noise(33, 21)
    sheet = lay_out([(33, 21)] * 2, columns=2, wording=Wording(labels=["a", "b"], title="t"))
    made = grid([image, image], columns=2, labels=["a", "b"], title="t").pixels[0]
    for box in sheet.pictures:
        assert np.array_equal(made[box.top : box.top + 21, box.left : box.left + 33], image.pixels[0])


def test_smaller_pictures_are_enlarged_in_proportion_and_centred() -> None:
    sheet = lay_out([(64, 64), (512, 256)], columns=1, gap=0)
    assert [(box.left, box.top, box.width, box.height) for box in sheet.pictures] == [
        (128, 0, 256, 256),
        (0, 256, 512, 256),
    ]


def test_transparent_pictures_show_the_background() -> None:
    made = grid(
        [plain((255, 0, 0, 0)), plain((0, 0, 255, 255))], gap=0, columns=1, background="white"
    ).pixels[0]
    assert (made[:10] == 255).all()
    assert (made[10:] == BLUE).all()


def test_a_transparent_sheet_keeps_alpha() -> None:
    made = grid([plain((255, 0, 0, 128))], gap=1, background="transparent").pixels[0]
    assert made[0, 0].tolist() == [0, 0, 0, 0]
    assert made[5, 5].tolist() == [255, 0, 0, 128]


def test_sixteen_bits_are_rounded_to_eight() -> None:
    deep = Image(np.full((1, 4, 4, 3), 257 * 77 + 100, np.uint16))
    assert (grid([deep], gap=0).pixels == 77).all()


@pytest.mark.parametrize("background", ["white", "black", "#777777", "#ffe08a", "transparent"])
def test_words_stand_out_from_the_background(background: str) -> None:
    made = (
        grid([plain(RED, 200, 100)], labels=["label"], title="Title", background=background)
        .pixels[0]
        .astype(int)
    )
    words = made[: made.shape[0] // 8]  # the title
    assert np.abs(words - words[0, 0]).max() > 80


@given(
    sizes=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=7),
    columns=st.integers(1, 8) | st.none(),
    texts=st.lists(st.text(max_size=30), min_size=10, max_size=10),
    labelled=st.booleans(),
    above=st.booleans(),
    gap=st.integers(0, 9) | st.none(),
)
def test_the_size_is_the_planned_one(
    sizes: list[tuple[int, int]],
    columns: int | None,
    texts: list[str],
    labelled: bool,
    above: bool,
    gap: int | None,
) -> None:
    labels = texts[: len(sizes)] if labelled else []
    side: Side = "above" if above else "below"
    made = grid(
        [noise(*size) for size in sizes], columns=columns, labels=labels, title=texts[9], side=side, gap=gap
    )
    width, height = grid_size(sizes, columns=columns, labels=labels, title=texts[9], side=side, gap=gap)
    assert made.pixels.shape == (1, height, width, 3)


def test_nothing_overlaps() -> None:
    wording = Wording(
        labels=[f"a label with some words, number {number}" for number in range(6)],
        rows=["DPM++ 2M Karras", "Euler"],
        columns=["one", "a longer header over two lines", "three"],
        title="A title " * 20,
    )
    sheet = lay_out([(128, 96)] * 6, wording=wording)
    boxes = [(box.left, box.top, box.left + box.width, box.top + box.height) for box in sheet.pictures]
    for line in sheet.lines:
        width = width_of(line.text, line.size)
        left = line.x - {"left": 0.0, "centre": width / 2, "right": width}[line.align]
        boxes.append((int(left) + 1, line.top, int(left + width), line.top + line.size))
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert 0 <= left <= right <= sheet.width
        assert 0 <= top <= bottom <= sheet.height
        for other in boxes[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


@pytest.mark.parametrize(
    ("count", "columns"),
    [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (6, 3), (8, 4), (9, 3), (12, 4), (16, 4), (25, 5)],
)
def test_columns_make_a_near_square(count: int, columns: int) -> None:
    assert columns_for(count, (512, 512)) == columns


def test_headers_decide_the_columns() -> None:
    headed = grid_size([(8, 8)] * 6, column_labels=["a", "b"])
    assert headed == grid_size([(8, 8)] * 6, columns=2, column_labels=["a", "b"])
    assert grid_size([(8, 8)] * 6, row_labels=["a", "b"])[0] > headed[0]


@pytest.mark.parametrize(
    ("count", "columns", "wording"),
    [
        (0, None, Wording()),
        (2, 0, Wording()),
        (2, None, Wording(labels=["one"])),
        (4, 2, Wording(columns=["a", "b", "c"])),
        (4, 2, Wording(rows=["a"])),
    ],
)
def test_impossible_sheets(count: int, columns: int | None, wording: Wording) -> None:
    with pytest.raises(UserError) as caught:
        lay_out([(8, 8)] * count, columns=columns, wording=wording)
    assert caught.value.problems[0].code == "SDF348"


def test_a_sheet_too_large_to_make_is_refused_while_planning() -> None:
    with pytest.raises(UserError, match="megapixels"):
        grid_size([(4096, 4096)] * 100)


class TestLettering:
    def test_the_table_of_widths_is_the_fonts(self) -> None:
        font = PIL.ImageFont.load_default(1000)
        assert {character: round(font.getlength(character)) for character in WIDTHS} == WIDTHS

    @pytest.mark.parametrize(
        ("text", "drawn"),
        [
            ("naïve café", "naive cafe"),
            ("512×512 — π", "512x512 - pi"),
            ("a → b", "a -> b"),
            ("ﬁne Å", "fine A"),
            ("猫が好き", "?"),
            ("cat 🙂🙂 dog", "cat ? dog"),
            ("why??", "why??"),
            ("two\nlines\tand\u00a0more", "two lines and more"),
            ("e\u0301\u200d", "e"),
        ],
    )
    def test_every_text_is_spelled_with_what_the_font_has(self, text: str, drawn: str) -> None:
        assert drawable(text) == drawn

    @given(st.text())
    def test_no_character_is_left_without_a_glyph(self, text: str) -> None:
        assert set(drawable(text)) <= set(WIDTHS)

    @given(text=st.text(max_size=80), width=st.integers(15, 300), most=st.integers(1, 4))
    def test_lines_fit(self, text: str, width: int, most: int) -> None:
        lines = wrapped(text, 12, width, most)
        assert len(lines) <= most
        assert all(width_of(line, 12) <= width for line in lines)

    def test_what_does_not_fit_ends_in_an_ellipsis(self) -> None:
        assert wrapped("one two three four five six", 10, 40, 2) == ("one two", "three f…")
