"""What was made against what was recorded: by digest in the same numerics class, else by PSNR and SSIM."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from sdflow.golden.frames import Frames, from_png, shrunk
from sdflow.golden.made import Made
from sdflow.golden.numerics import differences
from sdflow.golden.reference import LONGEST_SIDE, Expected, Golden, Tolerance
from sdflow.problems import problem

Way: TypeAlias = Literal["digest", "likeness", "nothing"]
Difference: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two pictures are; of an animation, the frames that are least alike."""

    psnr: float
    ssim: float

    def within(self, tolerance: Tolerance) -> bool:
        """Whether that is near enough."""
        return self.psnr >= tolerance.psnr and self.ssim >= tolerance.ssim

    def __str__(self) -> str:
        ratio = "equal" if math.isinf(self.psnr) else f"PSNR {self.psnr:.1f} dB"
        return f"{ratio}, SSIM {self.ssim:.3f}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one output: by which way it was compared, what that said, and what is different about the class.

    `reference` and `result` are the pictures at the golden's size, where there are any.
    """

    path: str
    passed: bool
    way: Way
    words: str
    likeness: Likeness | None = None
    tolerance: Tolerance | None = None
    digests: tuple[str, str] = ("", "")
    differs: tuple[Difference, ...] = ()
    reference: "Frames | None" = field(default=None, repr=False)
    result: "Frames | None" = field(default=None, repr=False)


def verdicts(
    golden: Golden, folder: Path, numerics: dict[str, str], made: Iterable[Made], *, pictures: bool
) -> Iterator[Verdict]:
    """A verdict for each output that was made or recorded; with `pictures`, always with both.

    Raises:
        UserError: SDF763, a picture that is needed is not in the golden's folder, or it is none.
    """
    missing = dict(golden.outputs)
    facts = tuple(differences(golden.numerics, numerics))
    for one in made:
        expected = missing.pop(one.path, None)
        if expected is None:
            result = _shown(one, golden) if pictures else None
            words = "not recorded; `sdflow golden record --update` takes it in"
            yield Verdict(one.path, False, "nothing", words, digests=("", one.digest), result=result)
            continue
        differs = facts
        if expected.precision != one.precision:
            differs = (("precision", expected.precision, one.precision), *facts)
        yield _compared(golden, expected, folder, one, differs, pictures=pictures)
    for path, expected in missing.items():
        words = "recorded, and the recipe makes no such file"
        yield Verdict(path, False, "nothing", words, digests=(expected.digest, ""))


def _compared(
    golden: Golden,
    expected: Expected,
    folder: Path,
    one: Made,
    differs: tuple[Difference, ...],
    *,
    pictures: bool,
) -> Verdict:
    tolerance = expected.tolerance or golden.tolerance
    equal = one.digest == expected.digest
    likeness: Likeness | None = None
    reference = result = None
    if pictures or not equal:
        result = _shown(one, golden)
        if result is not None and expected.picture:
            reference = _reference(folder / expected.picture, len(result), needed=bool(differs) and not equal)
        if reference is not None and result is not None and reference.shape == result.shape:
            likeness = alike(reference, result)
    if equal:
        passed, words = True, "the same digest" + (", in another class" if differs else "")
    elif not differs:
        passed, words = False, "another digest" + (f"; {likeness}" if likeness else "")
    elif likeness is not None:
        passed, words = likeness.within(tolerance), str(likeness)
    else:
        passed, words = False, _why_not(expected, reference, result)
    way: Way = "digest" if equal or not differs else "likeness" if likeness is not None else "nothing"
    digests = (expected.digest, one.digest)
    return Verdict(one.path, passed, way, words, likeness, tolerance, digests, differs, reference, result)


def alike(one: Frames, two: Frames) -> Likeness:
    """The likeness of the frames that are least alike."""
    from sdflow.pictures.likeness import psnr, ssim

    pairs = list(zip(one, two, strict=True))
    return Likeness(
        min(psnr(first, second) for first, second in pairs),
        min(ssim(first, second) for first, second in pairs),
    )


def _shown(one: Made, golden: Golden) -> "Frames | None":
    return None if one.frames is None else shrunk(one.frames, golden.longest_side or LONGEST_SIDE)


def _reference(file: Path, count: int, *, needed: bool) -> "Frames | None":
    if file.is_file():
        return from_png(file, count)
    if needed:
        hint = "put it back from git, or make it again with `sdflow golden record`"
        raise problem(
            "SDF763", f"{file} is not there, and without it there is nothing to compare with", hint=hint
        )
    return None


def _why_not(expected: Expected, reference: "Frames | None", result: "Frames | None") -> str:
    if not expected.picture or reference is None or result is None:
        return "another digest; only a digest is recorded, which says nothing about another class"
    sizes = (f"{it.shape[2]}×{it.shape[1]}" for it in (reference, result))
    return f"another size: {' was recorded, now it is '.join(sizes)}"
