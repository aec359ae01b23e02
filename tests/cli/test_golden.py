"""`sdflow golden` as a person meets it, with pictures of one pixel: no model, no torch."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image as Pillow

from tests.cli.conftest import SUM, Sdflow


@pytest.fixture
def golden(sdflow: Sdflow, tmp_path: Path) -> Path:
    """The golden of `sum.yaml`: sums of 1 and of 5, in two cells."""
    answer = sdflow("golden", "record", "sum.yaml", "--matrix", "first=1,5")
    assert answer.code == 0
    assert "sum.golden/golden.yaml written: 2 outputs, 2 pictures of" in answer.out
    return tmp_path / "sum.golden"


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_golden_lies_beside_the_recipe(golden: Path) -> None:
    assert sorted(files(golden)) == ["golden.yaml", "sum-1.png", "sum-5.png"]
    assert Pillow.open(golden / "sum-5.png").convert("RGB").getpixel((0, 0)) == (17, 17, 17)
    text = (golden / "golden.yaml").read_text()
    assert '    - "first=1,5"' in text
    assert "  psnr: 28\n  ssim: 0.88\n" in text


def test_unchanged_passes_and_says_what_was_compared(sdflow: Sdflow, golden: Path) -> None:
    answer = sdflow("golden", "verify", "-q")
    assert answer.code == 0
    assert answer.out.count("by digest  the same digest") == 2
    assert "the numerics class is that of the golden: cpu, " in answer.out
    assert "2 of 2 outputs are as recorded" in answer.out


def test_a_change_fails_with_a_line_for_each_output(sdflow: Sdflow, golden: Path) -> None:
    answer = sdflow("golden", "verify", "sum.yaml", "-q", "-s", "nodes.top.plus=11")
    assert answer.code == 1
    lines = [line for line in answer.out.splitlines() if line.startswith("  FAIL")]
    assert len(lines) == 2
    assert all("by digest  another digest; PSNR 48.1 dB, SSIM" in line and " → " in line for line in lines)
    assert answer.out.endswith("sdflow golden record --update sum.yaml\n")


def test_an_edited_recipe_is_what_is_verified(sdflow: Sdflow, golden: Path, tmp_path: Path) -> None:
    (tmp_path / "sum.yaml").write_text(SUM.replace("second: 2", "second: 3"))
    assert sdflow("golden", "verify", "-q").code == 1
    (tmp_path / "sum.yaml").write_text(SUM.replace("one:", "uno:").replace("$one", "$uno"))
    assert sdflow("golden", "verify", "-q").code == 0


def test_outputs_that_come_and_go(sdflow: Sdflow, golden: Path) -> None:
    answer = sdflow("golden", "verify", "-q", "-p", "second=2", "--matrix", "first=1,6")
    assert answer.code == 1
    assert "ok    sum-1.png" in answer.out
    assert "FAIL  sum-6.png  not compared  not recorded" in answer.out
    assert "FAIL  sum-5.png  not compared  recorded, and the recipe makes no such file" in answer.out
    answer = sdflow("golden", "record", "sum.yaml", "-q", "--update", "--matrix", "first=1,6")
    assert "changed: 2 outputs, 1 picture of" in answer.out
    assert sorted(files(golden)) == ["golden.yaml", "sum-1.png", "sum-6.png"]


def test_recording_again_changes_nothing_and_other_pictures_need_a_word(sdflow: Sdflow, golden: Path) -> None:
    before = files(golden)
    times = {path: path.stat().st_mtime_ns for path in golden.iterdir()}
    for arguments in ((), ("--update",)):
        answer = sdflow("golden", "record", "sum.yaml", "-q", *arguments)
        assert (answer.code, answer.out) == (0, "sum.golden/golden.yaml is up to date\n")
    assert {path: path.stat().st_mtime_ns for path in golden.iterdir()} == times
    changed = ("golden", "record", "sum.yaml", "-q", "-s", "nodes.top.plus=11")
    answer = sdflow(*changed)
    assert answer.code == 2
    assert "SDF764 sum.golden/golden.yaml says something else: sum-1.png, sum-5.png" in answer.err
    assert files(golden) == before
    assert sdflow(*changed, "--update").code == 0
    assert sdflow("golden", "verify", "-q").code == 0
    assert files(golden) != before


@pytest.mark.parametrize("left", [None, b"", "half"])
def test_a_picture_that_is_lost_or_damaged_is_made_again_and_nothing_else(
    sdflow: Sdflow, golden: Path, left: bytes | str | None
) -> None:
    picture, text = golden / "sum-5.png", golden / "golden.yaml"
    text.write_text(text.read_text().replace("device: cpu", "device: cuda"))
    before = files(golden)
    if left is None:
        picture.unlink()
    else:
        picture.write_bytes(left if isinstance(left, bytes) else picture.read_bytes()[:40])
    answer = sdflow("golden", "record", "sum.yaml", "-q")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("sum.golden/golden.yaml: 1 picture made again")
    assert files(golden) == before


@pytest.mark.parametrize("tolerance", ["--psnr=nan", "--psnr=inf", "--psnr=-3", "--ssim=nan", "--ssim=7"])
def test_no_golden_is_written_that_could_not_be_read_or_met(
    sdflow: Sdflow, tmp_path: Path, tolerance: str
) -> None:
    answer = sdflow("golden", "record", "sum.yaml", "-q", tolerance)
    assert answer.code == 2
    assert tolerance[:6] in answer.err
    assert not (tmp_path / "sum.golden").exists()


@pytest.mark.parametrize("command", ["record", "verify"])
def test_a_folder_is_no_recipe(sdflow: Sdflow, golden: Path, command: str) -> None:
    for name in (".", "sum.golden"):
        answer = sdflow("golden", command, name, "-q")
        assert (answer.code, answer.err.splitlines()[0]) == (2, f"SDF100 {name} is a folder")


def test_a_golden_that_cannot_be_read_is_not_replaced(sdflow: Sdflow, golden: Path) -> None:
    """Its options and tolerances would be lost, so the advice is never to replace it with --update."""
    (golden / "golden.yaml").write_text("sdflow-golden: 1\ntolerance: {psnr: lots}\n")
    before = files(golden)
    answer = sdflow("golden", "record", "sum.yaml", "-q", "--update")
    assert answer.code == 2
    assert "psnr is no number" in answer.err
    assert "take it from git" in answer.err
    assert "--update" not in answer.err
    assert files(golden) == before


def test_tolerances_stay_when_it_is_recorded_anew(sdflow: Sdflow, golden: Path) -> None:
    file = golden / "golden.yaml"
    text = (
        file.read_text()
        .replace("psnr: 28", "psnr: 33")
        .replace("sum-1.png\n", "sum-1.png\n    psnr: 12\n", 2)
    )
    file.write_text(text.replace("sum-1.png:\n    psnr: 12\n", "sum-1.png:\n", 1))
    edited = ("-q", "--update", "-s", "nodes.top.plus=11", "--matrix", "first=1,5")
    assert sdflow("golden", "record", "sum.yaml", *edited).code == 0
    assert "  psnr: 33\n" in file.read_text()
    assert "    psnr: 12\n" in file.read_text()
    assert sdflow("golden", "record", "sum.yaml", "-q", "--psnr", "20").code == 2
    assert sdflow("golden", "record", "sum.yaml", "-q", "--psnr", "20", "--update").code == 0
    assert "  psnr: 20\n" in file.read_text()


def test_another_class_is_compared_by_pictures_with_the_tolerance(sdflow: Sdflow, golden: Path) -> None:
    file = golden / "golden.yaml"
    text = "\n".join(
        f"  {line.split(':')[0].strip()}: other" if line.startswith("  numpy:") else line
        for line in file.read_text().splitlines()
    )
    file.write_text(text + "\n")
    answer = sdflow("golden", "verify", "-q")
    assert answer.code == 0
    assert answer.out.count("the same digest, in another class") == 2
    assert "another numerics class: numpy other → " in answer.out
    near, far = (
        ("golden", "verify", "-q", "-s", "nodes.top.plus=11"),
        ("golden", "verify", "-q", "-s", "nodes.top.plus=99"),
    )
    assert sdflow(*near).code == 0
    assert sdflow(*near).out.count("by PSNR and SSIM  PSNR 48.1 dB, SSIM") == 2
    assert "tolerance: PSNR at least 28 dB, SSIM at least 0.88" in sdflow(*near).out
    assert sdflow(*far).code == 1
    (golden / "sum-5.png").unlink()
    assert sdflow("golden", "verify", "-q").code == 0
    answer = sdflow(*near)
    assert answer.code == 2
    assert "SDF763 sum.golden/sum-5.png is not there" in answer.err


def test_machines_read_it(sdflow: Sdflow, golden: Path, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(SUM.replace('"{name}-', '"<&{name}-'.replace("<&", "")))
    assert sdflow("golden", "record", "other.yaml", "-q").code == 0
    answer = sdflow("golden", "verify", "-q", "--json", "--junit", "made/junit.xml", "--matrix", "first=1,6")
    assert answer.code == 1
    found = {it["recipe"]: it for it in json.loads(answer.out)}
    assert [found[name]["passed"] for name in ("other.yaml", "sum.yaml")] == [False, False]
    outputs = {it["path"]: it for it in found["sum.yaml"]["outputs"]}
    assert (outputs["sum-1.png"]["passed"], outputs["sum-1.png"]["compared"]) == (True, "digest")
    suites = ET.parse("made/junit.xml").getroot().findall("testsuite")
    by_name = {suite.get("name"): suite for suite in suites}
    assert (by_name["sum.yaml"].get("tests"), by_name["sum.yaml"].get("failures")) == ("3", "2")
    failed = {
        case.get("name") for case in by_name["sum.yaml"].iter("testcase") if case.find("failure") is not None
    }
    assert failed == {"sum-5.png", "sum-6.png"}


def test_a_node_that_fails_is_a_failure_and_records_nothing(
    sdflow: Sdflow, golden: Path, tmp_path: Path
) -> None:
    broken = SUM.replace("top: {type: add, of: [$sum], plus: 10}", "top: {type: fail, of: $sum}")
    (tmp_path / "sum.yaml").write_text(broken)
    answer = sdflow("golden", "verify", "-q", "--junit", "junit.xml")
    assert answer.code == 1
    assert "FAIL  top" in answer.out
    assert ET.parse("junit.xml").getroot().find(".//error") is not None
    before = files(golden)
    assert sdflow("golden", "record", "sum.yaml", "-q", "--update").code == 1
    assert files(golden) == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("sum.yaml",), "SDF760"), ((), "SDF760"), (("missing.yaml",), "SDF760")],
)
def test_without_a_golden_there_is_nothing_to_verify(
    sdflow: Sdflow, arguments: tuple[str, ...], code: str
) -> None:
    answer = sdflow("golden", "verify", *arguments)
    assert answer.code == 2
    assert code in answer.err


def test_a_picture_is_a_recipe_too(sdflow: Sdflow, tmp_path: Path) -> None:
    assert sdflow("run", "sum.yaml", "-q").code == 0
    assert sdflow("golden", "record", "out/sum-1.png", "-q").code == 0
    answer = sdflow("golden", "verify", "-q")
    assert answer.code == 0
    assert answer.out.startswith("out/sum-1.png")
    assert "SDF760" in sdflow("golden", "record", "-").err


def test_a_golden_whose_recipe_is_gone_is_told(sdflow: Sdflow, golden: Path, tmp_path: Path) -> None:
    (tmp_path / "sum.yaml").rename(tmp_path / "total.yaml")
    assert "SDF766 sum.golden belongs to a recipe that is not there" in sdflow("golden", "verify").err


def test_all_mistakes_come_together(sdflow: Sdflow, golden: Path, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("sdflow: 1\n")
    answer = sdflow("golden", "verify", "other.yaml", "third.yaml", "sum.yaml", "-q")
    assert answer.code == 2
    assert answer.err.count("SDF760") == 2
    assert "2 of 2 outputs are as recorded" in answer.out


def test_what_is_drawn_by_lot_has_no_golden(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "lot.yaml").write_text("""\
sdflow: 1
nodes:
  model: {type: load-model, source: "builtin:toybox"}
  noise: {type: init-latent, model: $model, width: 32, height: 32, seed: random}
  image: {type: decode, model: $model, latent: $noise}
outputs: {"{name}.png": $image}
""")
    answer = sdflow("golden", "record", "lot.yaml")
    assert answer.code == 2
    assert "SDF765 lot.yaml makes another picture each time: noise" in answer.err


def test_no_picture_is_kept_of_what_a_node_withholds(sdflow: Sdflow, tmp_path: Path) -> None:
    flagged = SUM.replace("top: {", "top: {type: flag, of: $high}\n  high: {")
    (tmp_path / "sum.yaml").write_text(flagged)
    assert sdflow("golden", "record", "sum.yaml", "-q").code == 0
    assert sorted(files(tmp_path / "sum.golden")) == ["golden.yaml"]
    answer = sdflow("golden", "verify", "-q", "--html", "page.html")
    assert answer.code == 0
    assert "data:image" not in (tmp_path / "page.html").read_text()
