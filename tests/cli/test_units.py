"""Sizes and times in words, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.cli.units import ago, duration, interval, parse_duration, parse_size, size


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_960, "10 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"),
        (3_438_354_725, "3.4 GB"), (25 * 10**9, "25 GB"), (4 * 10**15, "4000 TB"),
    ],
)  # fmt: skip
def test_sizes(nbytes: int, text: str) -> None:
    assert size(nbytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "<1 ms"), (0.0121, "12 ms"), (0.0999, "0.1 s"), (4.24, "4.2 s"), (9.96, "10 s"), (99.4, "99 s"),
        (99.6, "1 min 40 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (3 * 86_400, "3 days"),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("seconds", [119.7, 3599.8, 7199.9, 59.99 * 60])
def test_no_duration_has_sixty_of_anything(seconds: float) -> None:
    assert "60" not in duration(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "?"), ((2.0, 2.04), "2.0 s"), ((2, 4), "2.0-4.0 s"), ((50, 120), "50 s to 2 min 00 s")],
)
def test_intervals(seconds: tuple[float, float] | None, text: str) -> None:
    assert interval(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "just now"), (300, "5 min ago"), (7200, "2 h ago"), (259_200, "3 days ago")]
)
def test_ago(seconds: float, text: str) -> None:
    assert ago(seconds) == text


@pytest.mark.parametrize(
    ("text", "nbytes"), [("5GB", 5 * 10**9), ("500 MB", 5 * 10**8), ("2GiB", 2**31), ("1.5k", 1500), ("0", 0)]
)
def test_parsing_sizes(text: str, nbytes: int) -> None:
    assert parse_size(text) == nbytes


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000), ("12h", 43_200), ("90min", 5400), ("2w", 1_209_600)]
)
def test_parsing_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "GB", "5 apples", "-5GB", "1e9", "5GB5"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@given(st.floats(0, 1e15))
def test_every_size_and_time_fits_into_a_column(value: float) -> None:
    assert len(size(value)) <= 12
    assert len(duration(value)) <= 18
