"""What commands do with goldens once they are made: write them, or make a page of what came of them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sdflow.cli.golden_words import (
    class_words,
    difference_words,
    short_digest,
    tolerance_words,
    way_words,
)
from sdflow.cli.units import size
from sdflow.golden.check import Checked, Recorded
from sdflow.golden.compare import Verdict
from sdflow.golden.frames import difference_maps, to_png
from sdflow.golden.record import says_other, write_golden
from sdflow.golden.reference import FILE
from sdflow.pages.golden import Figure, OutputCard, RecipeSection, golden_page
from sdflow.problems import problem
from sdflow.version import __version__


def written(made: Recorded, *, update: bool) -> str:
    """Write a golden where there is something new to say, and say what was done.

    Raises:
        UserError: SDF764, it is there and says something else, and nobody asked for an update; or it cannot be written.
    """
    file = made.folder / FILE
    refreshed = update and made.before is not None and made.draft.golden != made.before
    if not made.news and not refreshed:
        return f"{file} is up to date"
    if made.before is not None and not update:
        if says_other(made.draft, made.before):
            changed = _changed(made)
            hint = "look with `sdflow golden verify`; `sdflow golden record --update` replaces it"
            raise problem(
                "SDF764", f"{file} says something else{': ' if changed else ''}{changed}", hint=hint
            )
        write_golden(replace(made.draft, golden=made.before), made.before, made.folder)
        return f"{file}: {_pictures(made.draft.pictures)} made again"
    write_golden(made.draft, made.before, made.folder)
    count, pictures = len(made.draft.golden.outputs), made.draft.pictures
    what = f"{count} output{'s' * (count != 1)}"
    if pictures:
        what += f", {_pictures(pictures)} of {size(sum(map(len, pictures.values())))}"
    return f"{file} {'written' if made.before is None else 'changed'}: {what}"


def _pictures(pictures: Mapping[str, bytes]) -> str:
    return f"{len(pictures)} picture{'s' * (len(pictures) != 1)}"


def golden_page_of(found: Sequence[Checked]) -> str:
    """A page with every output of every recipe: reference, result, and a map of their difference."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return golden_page([_section(it) for it in found], f"sdflow {__version__}, {when}")


def _section(it: Checked) -> RecipeSection:
    words = [f"recorded in: {class_words(it.golden.numerics)}", f"now: {class_words(it.numerics)}"]
    words = words if words[0].partition(": ")[2] != words[1].partition(": ")[2] else words[:1]
    outputs = tuple(
        OutputCard(verdict.path, verdict.passed, tuple(_said(verdict)), tuple(_figures(verdict)))
        for verdict in it.verdicts
    )
    return RecipeSection(str(it.recipe), it.golden.options.words(), tuple(words), it.failures, outputs)


def _said(verdict: Verdict) -> Iterator[str]:
    yield f"{way_words(verdict)}: {verdict.words}"
    if verdict.differs:
        yield f"another numerics class: {difference_words(verdict.differs)}"
    if verdict.way == "likeness" and verdict.tolerance is not None:
        yield f"tolerance: {tolerance_words(verdict.tolerance)}"
    before, after = verdict.digests
    if before != after:
        yield f"digest: {short_digest(before)} → {short_digest(after)}"


def _figures(verdict: Verdict) -> Iterator[Figure]:
    one, two = verdict.reference, verdict.result
    if one is not None:
        yield Figure("reference", to_png(one))
    if two is not None:
        yield Figure("result", to_png(two))
    if one is not None and two is not None and one.shape == two.shape:
        maps, most = difference_maps(one, two)
        yield Figure(f"difference, at most {most} of 255" if most else "no difference", to_png(maps))


def _changed(made: Recorded) -> str:
    before = made.before.outputs if made.before is not None else {}
    after = made.draft.golden.outputs
    names = [
        path
        for path in dict.fromkeys((*after, *before))
        if path not in after or path not in before or after[path].digest != before[path].digest
    ]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - enough to know which
    return ", ".join(names[:3]) + more
