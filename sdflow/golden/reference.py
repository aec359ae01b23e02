"""A golden as plain data: what a recipe made once, and how near to it is near enough."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sdflow.problems import problem

FOLDER = ".golden"
FILE = "golden.yaml"
LONGEST_SIDE = 256
"""Pixels; pictures with a longer side are kept smaller."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How alike two pictures of different numerics classes have to be: PSNR in dB, SSIM up to 1, at least.

    The defaults lie in the middle between what bfloat16 does to toybox's pictures at worst, and what another seed or
    sampler does to them at least (`benchmarks/golden.py`).
    """

    psnr: float = 28.0
    ssim: float = 0.88


@dataclass(frozen=True, slots=True)
class Expected:
    """One output file: the digest of its value, the precision that it was computed in, and its picture.

    `picture` is a file in the golden's folder; empty where only the digest is kept. `tolerance` is this output's own.
    """

    digest: str
    precision: str = ""
    picture: str = ""
    tolerance: Tolerance | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What was changed about the recipe, as options of the command line say it: `-p`, `-s` and `--matrix`."""

    params: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.params or self.fields or self.axes)

    def __add__(self, later: "Options") -> "Options":
        """These, and then others, which count where both say something."""
        return Options(
            (*self.params, *later.params), (*self.fields, *later.fields), (*self.axes, *later.axes)
        )

    def words(self) -> str:
        """As they are typed."""
        options = (("-p", self.params), ("-s", self.fields), ("--matrix", self.axes))
        return " ".join(f"{option} {shlex.quote(it)}" for option, given in options for it in given)


@dataclass(frozen=True, slots=True)
class Golden:
    """What a recipe made, by the names of its output files, and what it was made with.

    `numerics` are the facts of the environment that move bits: device, threads, versions. `longest_side` is the size
    that pictures are kept at, 0 where there are digests only.
    """

    options: Options = field(default_factory=Options)
    longest_side: int = LONGEST_SIDE
    tolerance: Tolerance = field(default_factory=Tolerance)
    numerics: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Expected] = field(default_factory=dict)


def golden_folder(recipe: Path) -> Path:
    """Where the golden of a recipe is: `portrait.golden/` beside `portrait.yaml`.

    Raises:
        UserError: SDF100, it is a folder.
    """
    if recipe.is_dir():
        raise problem("SDF100", f"{recipe} is a folder", hint="give the recipe's file")
    return recipe.with_suffix(FOLDER)
