"""`sdflow report` and `sdflow run --report`, with pictures of one pixel: no model, no torch."""

import re
from html import unescape
from pathlib import Path

import pytest

from tests.cli.conftest import SUM, Sdflow


def page(folder: Path, name: str = "report.html") -> str:
    return (folder / name).read_text(encoding="utf-8")


def boxes(text: str, status: str) -> set[str]:
    """The titles of the boxes of a status in the graph."""
    found = re.findall(rf'<g class="{status}"><title>(\S+)', text)
    return {unescape(name) for name in found}


def test_a_page_says_what_ran_and_then_what_was_kept(sdflow: Sdflow, tmp_path: Path) -> None:
    answer = sdflow("report", "sum.yaml", "-q", "-p", "first=4")
    assert (answer.code, answer.out) == (0, "report.html\n")
    text = page(tmp_path)
    assert boxes(text, "run") == {"one", "two", "sum", "top"}
    assert "4 ran in " in text
    assert text.count("data:image/png;base64,") == 1
    assert "sum-4.png, 1×1" in text
    assert text.count('<div class="bar">') == 4
    assert "memory of the process: " in text
    assert "sdflow report sum.yaml -p first=4" in text
    assert "first: {type: int, default: 1, min: 0, description: The first number.}" in text
    assert "There is no lock beside the recipe" in text
    assert not (tmp_path / "sum-4.png").exists()
    assert not (tmp_path / "out").exists()
    sdflow("report", "sum.yaml", "-q", "-p", "first=5")
    assert boxes(page(tmp_path), "cached") == {"two"}
    assert boxes(page(tmp_path), "run") == {"one", "sum", "top"}
    sdflow("report", "sum.yaml", "-q", "-p", "first=4", "-o", "other/page.html")
    text = page(tmp_path, "other/page.html")
    assert boxes(text, "cached") == {"one", "two", "sum", "top"}
    assert "Nothing ran" in text
    assert re.search(r"<td>top</td><td>add</td><td>kept</td><td class=\"number\">[\d<&].*?s</td>", text)


def test_a_matrix_is_one_page(sdflow: Sdflow, tmp_path: Path) -> None:
    sdflow("run", "sum.yaml", "-q", "-p", "first=1")
    sdflow("report", "sum.yaml", "-q", "--matrix", "first=1,3")
    text = page(tmp_path)
    assert text.count("data:image/png;base64,") == 2
    assert boxes(text, "some-run") == {"one", "sum", "top"}
    assert boxes(text, "cached") == {"two"}


def test_more_pictures_than_a_page_holds_are_counted(
    sdflow: Sdflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdflow.cli.report_pictures._MOST", 2)
    sdflow("report", "sum.yaml", "-q", "--matrix", "first=1,2,3,4,5")
    assert page(tmp_path).count("data:image/png;base64,") == 2
    assert "and 3 more" in page(tmp_path)


def test_run_writes_its_files_and_the_page(sdflow: Sdflow, tmp_path: Path) -> None:
    answer = sdflow("run", "sum.yaml", "-q", "--report", "page.html")
    assert answer.code == 0
    assert (tmp_path / "out" / "sum-1.png").is_file()
    assert "sdflow run sum.yaml" in page(tmp_path, "page.html")


def test_the_lock_is_on_the_page(sdflow: Sdflow, tmp_path: Path) -> None:
    assert sdflow("lock", "sum.yaml").code == 0
    sdflow("report", "sum.yaml", "-q")
    assert "sdflow-lock: 1" in page(tmp_path)


def test_a_failed_run_has_a_page_too(sdflow: Sdflow, tmp_path: Path) -> None:
    recipe = SUM.replace("top: {", "bad: {type: fail, of: $one}\n  last: {type: add, of: [$bad]}\n  top: {")
    (tmp_path / "sum.yaml").write_text(recipe + '  "last.png": $last\n')
    answer = sdflow("report", "sum.yaml", "-q")
    assert answer.code == 1
    text = page(tmp_path)
    assert boxes(text, "failed") == {"bad"}
    assert "last" not in boxes(text, "run") | boxes(text, "cached")
    assert "bad: it does not work (try another one)" in text
    assert "not done" in text
    assert "1 failed, 1 skipped" in text
    assert text.count("data:image/png;base64,") == 1


def test_what_a_node_withholds_is_on_no_page(sdflow: Sdflow, tmp_path: Path) -> None:
    flagged = SUM.replace("top: {", "top: {type: flag, of: $high}\n  high: {")
    (tmp_path / "sum.yaml").write_text(flagged)
    assert sdflow("run", "sum.yaml", "--report", "page.html").code == 0
    text = page(tmp_path, "page.html")
    assert "data:image" not in text
    assert "top withholds it" in text


def test_markup_in_a_recipe_is_text(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "sum.yaml").write_text(
        SUM.replace("name: sum", "name: sum\ndescription: <script>alert(1)</script>")
        .replace("value: $params.second", "value: $params.second, note: '</title></svg><script>alert(2)</script>'")
    )  # fmt: skip
    assert sdflow("report", "sum.yaml", "-q").code == 0
    text = page(tmp_path)
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert text.count("&lt;script&gt;alert(2)&lt;/script&gt;") == 2


@pytest.mark.parametrize("command", [("report", "sum.yaml", "-o"), ("run", "sum.yaml", "--report")])
def test_a_page_that_cannot_be_written_is_told(
    sdflow: Sdflow, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("")
    answer = sdflow(*command, "file/page.html", "-q")
    assert answer.code == 2
    assert "SDF726 file/page.html cannot be written" in answer.err
