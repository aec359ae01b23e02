"""The file of a golden: what is written is read back, and nothing else is taken for one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdflow.golden.reference import Expected, Golden, Options, Tolerance
from sdflow.golden.text import golden_text, parse_golden
from sdflow.problems import UserError

TEXT = """\
sdflow-golden: 1
longest-side: 256
tolerance: {psnr: 30, ssim: 0.9}
outputs:
  a.png:
    digest: sha256:00
    psnr: 20
"""
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
numbers = st.integers(0, 999).map(lambda it: it / 10)
tolerances = st.builds(Tolerance, numbers, numbers)
outputs = st.builds(
    Expected,
    words.map(lambda it: f"sha256:{it.encode().hex()}"),
    words,
    words.map(lambda it: it.replace("/", "").replace(".", "") + ".png"),
    st.none() | tolerances,
)
options = st.builds(Options, *[st.lists(words, max_size=2).map(tuple)] * 3)
goldens = st.builds(
    Golden,
    options,
    st.integers(0, 999),
    tolerances,
    st.dictionaries(words, words, max_size=3),
    st.dictionaries(words, outputs, max_size=3),
)


@settings(max_examples=40)
@given(goldens)
def test_what_is_written_is_read_back(golden: Golden) -> None:
    assert parse_golden(golden_text(golden), "golden.yaml") == golden


def test_a_tolerance_of_its_own_may_say_less_than_all() -> None:
    found = parse_golden(TEXT, "golden.yaml")
    assert found.tolerance == Tolerance(30, 0.9)
    assert found.outputs["a.png"].tolerance == Tolerance(20, 0.9)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("a: 1\n", "SDF761", "there is no sdflow-golden in it"),
        (TEXT.replace("golden: 1", "golden: 2"), "SDF762", "format 2, this sdflow reads 1"),
        (TEXT.replace("256", "-1"), "SDF761", "longest-side is no number of pixels"),
        (TEXT.replace("psnr: 30", "pnsr: 30").replace("psnr: 20", "pnsr: 20"), "SDF761", "what pnsr is"),
        (TEXT.replace("digest: sha256:00", "picture: a.png"), "SDF761", "a.png has no digest"),
        (
            TEXT.replace("psnr: 20", "picture: ../b.png"),
            "SDF761",
            "../b.png is no file in the golden's folder",
        ),
        (TEXT.replace("psnr: 20", "psnr: high"), "SDF761", "psnr is no number"),
        (TEXT + "options: {params: a=1}\n", "SDF761", "params is no list of texts"),
        (TEXT + "  a.png: 1\n", "SDF108", ""),
    ],
)
def test_what_is_no_golden_is_refused(text: str, code: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_golden(text, "golden.yaml")
    assert caught.value.problems[0].code == code
    assert words in caught.value.problems[0].message
