"""Figures of a benchmark beside their limits: for the screen, for `results/NAME.json` and for the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measure import write
from sdflow.composition import Json


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that says something: a ratio (unit `×`) or a time (`s`), the smaller the better; or another quantity.

    `limit` is what it must not exceed; None where there is no limit. `note` says what it was measured against.
    """

    what: str
    measured: float
    limit: float | None = None
    unit: str = "×"
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether it is within its limit; None without one."""
        return None if self.limit is None else self.measured <= self.limit

    @property
    def verdict(self) -> str:
        """`yes`, `no`, or nothing without a limit."""
        return {True: "yes", False: "no", None: ""}[self.holds]

    def to_json(self) -> dict[str, Json]:
        return {
            "what": self.what,
            "measured": rounded(self.measured),
            "limit": self.limit,
            "unit": self.unit,
            "holds": self.holds,
            "note": self.note,
        }


def rounded(number: float) -> float:
    """Four digits: more than any of these measurements is worth."""
    return float(f"{number:.4g}")


def shown(number: float | None, unit: str) -> str:
    """`0.25×`, `1.8 s`, `12 ms`."""
    if number is None:
        return ""
    if unit == "s" and number < 0.1:
        return f"{float(f'{number * 1e3:.3g}'):g} ms"
    text = f"{float(f'{number:.3g}'):g}"
    return text + unit if unit == "×" else f"{text} {unit}"


def show(figures: Sequence[Figure]) -> None:
    """Print figures as a small table."""
    rows = [("figure", "measured", "limit", "holds")]
    rows += [
        (
            f"{it.what} ({it.note})" if it.note else it.what,
            shown(it.measured, it.unit),
            shown(it.limit, it.unit),
            it.verdict,
        )
        for it in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def report(name: str, figures: Sequence[Figure], data: Mapping[str, Json], *, quick: bool) -> None:
    """Print the figures; unless it was a quick run, which proves nothing, write them with the data."""
    show(figures)
    if quick:
        print("a quick run: the figures above say nothing, and nothing was written")
        return
    path = write(name, {"figures": [figure.to_json() for figure in figures], **data})
    print(f"wrote {path.parent.name}/{path.name}")
