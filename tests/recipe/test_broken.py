"""Every broken recipe of the table: all its mistakes together, each with its code, line and column."""

from pathlib import Path

import pytest

from sdflow.problems import Problem, UserError
from sdflow.problems.render import render
from sdflow.recipe import examine
from tests.recipe.expectations import expected_in, found_in, problems_of

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))

BASE = b"sdflow: 1\nnodes: {cat: {type: load-image}}\noutputs: {out.png: $cat}\n"
BYTES = {
    "empty": (b"", "SDF102"),
    "only white space": (b" \n\n", "SDF102"),
    "byte order mark": (b"\xef\xbb\xbf" + BASE, "SDF104"),
    "UTF-16": (BASE.decode().encode("utf-16"), "SDF101"),
    "Latin-1": (b"sdflow: 1\ndescription: caf\xe9\n", "SDF101"),
    "a PNG": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "SDF101"),
    "a NUL": (b"sdflow: 1\nname: a\x00b\n", "SDF101"),
    "an escape sequence": (b"sdflow: 1\nname: \x1b[31mred\n", "SDF107"),
    "longer than the limit": (b"#" * (4 * 2**20 + 1), "SDF103"),
    "a sequence without end": (b"[" * 1_000_000, "SDF103"),
    "mappings without end": (b"{a: " * 200_000, "SDF103"),
    "block sequences without end": (b"- " * 500_000, "SDF103"),
    "explicit keys without end": (b"? " * 500_000, "SDF103 SDF112"),
    "more values than the limit": (b"[" + b"1," * 500_001 + b"]", "SDF103"),
    "a duplicate key a million times": (b"a: 1\n" * 500_000, "SDF108"),
}


def test_the_table_is_as_long_as_it_should_be() -> None:
    assert len(BROKEN) + len(BYTES) >= 60


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_all_mistakes_are_found_in_their_places(path: Path) -> None:
    expected = expected_in(path)
    assert expected, "the file says nothing about what is wrong with it"
    assert found_in(path, problems_of) == expected


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_caret_stands_below_every_mistake(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    shown = render(problems_of(path), {str(path): text})
    carets = [line for line in shown.splitlines() if line.strip().startswith("^")]
    assert len(carets) == len(set(problems_of(path)))


@pytest.mark.parametrize(("data", "codes"), BYTES.values(), ids=BYTES.keys())
def test_files_that_are_no_recipes(data: bytes, codes: str) -> None:
    assert {problem.code for problem in problems_of_bytes(data)} == set(codes.split())


def problems_of_bytes(data: bytes) -> tuple[Problem, ...]:
    try:
        return examine(data, "recipe.yaml").problems
    except UserError as error:
        return error.problems


def test_a_byte_that_is_not_utf_8_has_a_place() -> None:
    (found,) = problems_of_bytes("sdflow: 1\nname: é".encode() + b"\xff")
    assert found.position is not None
    assert (found.position.line, found.position.column) == (2, 8)


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "astronaut.yaml").write_bytes(BASE)
    (missing,) = problems_of(tmp_path / "astronout.yaml")
    (folder,) = problems_of(tmp_path)
    assert (missing.code, folder.code) == ("SDF100", "SDF100")
    assert missing.hint is not None
    assert "astronaut.yaml" in missing.hint


HINTS = {
    "unknown-key": "`params`",
    "param-unknown-key": "`max`",
    "reference-to-unknown-param": "`seed`",
    "matrix-unknown-axis": "`seed`",
    "output-unknown-placeholder": "`{params.seed}`",
    "output-collision-in-matrix": "`{params.seed}`",
    "reference-malformed": "`$$`",
    "colon-in-text": "quote",
}


@pytest.mark.parametrize(("name", "word"), HINTS.items(), ids=HINTS.keys())
def test_the_right_word_is_proposed(name: str, word: str) -> None:
    path = Path(__file__).parent / "broken" / f"{name}.yaml"
    assert any(word in (problem.hint or "") for problem in problems_of(path))
