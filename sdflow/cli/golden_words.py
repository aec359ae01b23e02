"""What came of goldens, in words for people and (as JSON) for programs."""

import math
from collections.abc import Iterator, Mapping, Sequence

from sdflow.cli.tables import paint, printable, table
from sdflow.composition import Json
from sdflow.golden.check import Checked
from sdflow.golden.compare import Difference, Verdict
from sdflow.golden.reference import Tolerance

_WAYS = {"digest": "by digest", "likeness": "by PSNR and SSIM", "nothing": "not compared"}
_SHOWN = 12


def checked_text(found: Sequence[Checked]) -> str:
    """A table for each recipe, and one line at the end."""
    good = sum(verdict.passed for it in found for verdict in it.verdicts)
    total = sum(len(it.verdicts) for it in found)
    bad = [it for it in found if not it.passed]
    summary = f"{good} of {total} outputs are as recorded"
    if bad:
        names = " ".join(str(it.recipe) for it in bad)
        summary += f"; where the new ones are right: sdflow golden record --update {printable(names)}"
    return "\n\n".join(["\n".join(_lines(it)) for it in found] + [summary])


def class_words(numerics: Mapping[str, str], precision: str = "") -> str:
    """A numerics class in a few words: `float32, cpu, Intel Xeon, 2 cores, torch 2.13.0`."""
    torch = f"torch {numerics['torch']}" if numerics.get("torch") else ""
    names = ("device", "gpu", "processor", "threads")
    return ", ".join(word for word in (precision, *(numerics.get(name, "") for name in names), torch) if word)


def difference_words(differs: Sequence[Difference]) -> str:
    """What is different about two classes: `precision float32 → bfloat16, torch 2.12.0 → 2.13.0`."""
    return ", ".join(_one(*it) for it in differs)


def tolerance_words(tolerance: Tolerance) -> str:
    """`PSNR at least 28 dB, SSIM at least 0.88`."""
    return f"PSNR at least {tolerance.psnr:g} dB, SSIM at least {tolerance.ssim:g}"


def way_words(verdict: Verdict) -> str:
    """How an output was compared."""
    return _WAYS[verdict.way]


def short_digest(digest: str) -> str:
    """The beginning of a digest: enough for people; `none` for nothing."""
    return digest.removeprefix("sha256:")[:_SHOWN] or "none"


def checked_json(found: Sequence[Checked]) -> list[dict[str, Json]]:
    """The same for programs."""
    return [
        {
            "recipe": str(it.recipe),
            "passed": it.passed,
            "failures": list(it.failures),
            "recorded_in": dict(it.golden.numerics),
            "numerics": dict(it.numerics),
            "outputs": [_verdict_json(verdict) for verdict in it.verdicts],
        }
        for it in found
    ]


def _lines(it: Checked) -> Iterator[str]:
    options = it.golden.options.words()
    yield paint(str(it.recipe), "bold") + (paint(f"  {printable(options)}", "dim") if options else "")
    for failure in it.failures:
        yield f"  {paint('FAIL', 'red')}  {printable(failure)}"
    if it.verdicts:
        yield table(["", "output", "compared", ""], [_row(verdict) for verdict in it.verdicts], indent="  ")
    yield from (f"  {line}" for line in _classes(it))


def _row(verdict: Verdict) -> list[str]:
    words = verdict.words
    before, after = verdict.digests
    if not verdict.passed and before and after:
        words += f"; {short_digest(before)} → {short_digest(after)}"
    mark = paint("ok", "green") if verdict.passed else paint("FAIL", "red")
    return [mark, printable(verdict.path), way_words(verdict), words]


def _classes(it: Checked) -> Iterator[str]:
    """Which classes were compared: once where all outputs have the same, else for each difference."""
    groups: dict[tuple[Difference, ...], list[Verdict]] = {}
    for verdict in (one for one in it.verdicts if one.way != "nothing" or one.differs):
        groups.setdefault(verdict.differs, []).append(verdict)
    for differs, verdicts in groups.items():
        expected = it.golden.outputs.get(verdicts[0].path)
        who = "" if len(groups) == 1 else f"{', '.join(printable(one.path) for one in verdicts)}: "
        recorded = class_words(it.golden.numerics, expected.precision if expected else "")
        if not differs:
            yield f"{who}the numerics class is that of the golden: {recorded}"
            continue
        limits = ", ".join(dict.fromkeys(tolerance_words(one.tolerance) for one in verdicts if one.tolerance))
        yield f"{who}another numerics class: {difference_words(differs)}"
        yield f"  recorded in: {recorded}; tolerance: {limits}"


def _one(name: str, before: str, after: str) -> str:
    if name == "instructions":
        return "other instructions of the processor"
    return f"{name} {before or 'none'} → {after or 'none'}"


def _verdict_json(verdict: Verdict) -> dict[str, Json]:
    likeness, tolerance = verdict.likeness, verdict.tolerance
    return {
        "path": verdict.path,
        "passed": verdict.passed,
        "compared": verdict.way,
        "words": verdict.words,
        "psnr": None if likeness is None or math.isinf(likeness.psnr) else round(likeness.psnr, 3),
        "ssim": None if likeness is None else round(likeness.ssim, 5),
        "tolerance": None if tolerance is None else {"psnr": tolerance.psnr, "ssim": tolerance.ssim},
        "recorded_digest": verdict.digests[0] or None,
        "digest": verdict.digests[1] or None,
        "class_differs": {name: [before, after] for name, before, after in verdict.differs},
    }
