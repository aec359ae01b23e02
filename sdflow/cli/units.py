"""Sizes and times as people say them, and back."""

import re

_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZES |= {
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_TIMES = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TEN = 9.95
_INSTANT, _TENTH, _MINUTES = 0.0005, 0.0995, 99.5
"""Times below these are told as nothing, in milliseconds, in seconds; longer ones in minutes."""


def size(nbytes: float) -> str:
    """Bytes in units of a thousand: `3.4 GB`."""
    value = float(nbytes)
    for unit in ("B", "kB", "MB", "GB"):
        if round(value) < 1000:  # noqa: PLR2004 - units of a thousand, as disks and the hub count
            return f"{value:.0f} {unit}" if unit == "B" else f"{_three_digits(value)} {unit}"
        value /= 1000
    return f"{_three_digits(value)} TB"


def _three_digits(value: float) -> str:
    return f"{value:.1f}" if value < _TEN else f"{value:.0f}"


def duration(seconds: float) -> str:
    """A time: `12 ms`, `4.2 s`, `3 min 05 s`, `2 h 10 min`, `3 days`."""
    if seconds < _INSTANT:
        return "<1 ms"
    if seconds < _TENTH:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTES:
        return f"{_three_digits(seconds)} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{seconds / _DAY:.0f} days"


def interval(seconds: tuple[float, float] | None) -> str:
    """An estimate: `8.1 s`, `2-4 s`; `?` where nothing is known."""
    if seconds is None:
        return "?"
    low, high = map(duration, seconds)
    if low == high:
        return low
    same_unit = low.count(" ") == high.count(" ") == 1 and low.split()[1] == high.split()[1]
    return f"{low.split()[0]}-{high}" if same_unit else f"{low} to {high}"


def ago(seconds: float) -> str:
    """How long since: `just now`, `5 min ago`, `3 days ago`."""
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min ago"
    return f"{duration(seconds) if seconds >= 2 * _DAY else f'{seconds / _HOUR:.0f} h'} ago"


def parse_size(text: str) -> int:
    """Bytes from `5GB`, `500 MB`, `2GiB` or a plain number.

    Raises:
        ValueError: it is no size.
    """
    return int(_number(text, _SIZES, "a size, such as 5GB or 500MB"))


def parse_duration(text: str) -> float:
    """Seconds from `30d`, `12h`, `90min`, `2w`.

    Raises:
        ValueError: it is no time.
    """
    return _number(text, _TIMES, "a time, such as 30d or 12h")


def _number(text: str, units: dict[str, int], wanted: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2].lower() not in units:
        raise ValueError(f"{text} is not {wanted}")
    return float(match[1]) * units[match[2].lower()]
