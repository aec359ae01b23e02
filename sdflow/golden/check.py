"""A recipe and its golden: run and recorded, or run and compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sdflow.composing import compose_file
from sdflow.engine.environment import environment
from sdflow.engine.events import Event, Listener, NodeFailed
from sdflow.golden.compare import Verdict, verdicts
from sdflow.golden.made import made, run
from sdflow.golden.numerics import numerics_of
from sdflow.golden.record import Draft, draft, is_news, read_golden
from sdflow.golden.reference import FILE, Golden, Options, Tolerance, golden_folder
from sdflow.problems import problem
from sdflow.recipe import Changes
from sdflow.workflow import RunResult, Session


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a recipe: the class of its golden and of today's run, a verdict for each output, failed nodes."""

    recipe: Path
    golden: Golden
    numerics: Mapping[str, str]
    verdicts: tuple[Verdict, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything is as recorded."""
        return not self.failures and all(it.passed for it in self.verdicts)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a golden that is to be recorded; None leaves what it says, or the default."""

    options: Options = field(default_factory=Options)
    longest_side: int | None = None
    psnr: float | None = None
    ssim: float | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A golden that is ready to be written: the one before, the new one, and whether they say different things."""

    folder: Path
    before: Golden | None
    draft: Draft
    news: bool


def verify(
    session: Session, recipe: Path, options: Options, listener: Listener, *, pictures: bool
) -> Checked:
    """Run a recipe with the options that it was recorded with, and others after them, and compare.

    Raises:
        UserError: there is no golden, or everything that is wrong with it or with the recipe.
        KeyboardInterrupt: the run was interrupted.
    """
    folder = golden_folder(recipe)
    golden = read_golden(folder)
    numerics = numerics_of(environment(session.device))
    result, failures = _run(session, recipe, golden.options + options, listener)
    if result.failed:
        return Checked(recipe, golden, numerics, failures=failures)
    found = verdicts(golden, folder, numerics, made(session, result), pictures=pictures)
    return Checked(recipe, golden, numerics, tuple(found))


def record(session: Session, recipe: Path, wanted: Wanted, listener: Listener) -> Recorded | None:
    """Run a recipe and draft its golden; None where a node failed.

    Raises:
        UserError: everything that is wrong with the recipe, or with the golden that is there.
        KeyboardInterrupt: the run was interrupted.
    """
    if str(recipe) == "-":
        raise problem("SDF760", "standard input has no place beside it for a golden", hint="name a file")
    folder = golden_folder(recipe)
    before = read_golden(folder) if (folder / FILE).exists() else None
    old = before or Golden()
    tolerance = Tolerance(
        old.tolerance.psnr if wanted.psnr is None else wanted.psnr,
        old.tolerance.ssim if wanted.ssim is None else wanted.ssim,
    )
    settings = replace(
        old,
        options=wanted.options or old.options,
        longest_side=old.longest_side if wanted.longest_side is None else wanted.longest_side,
        tolerance=tolerance,
        numerics=numerics_of(environment(session.device)),
    )
    result, _ = _run(session, recipe, settings.options, listener)
    if result.failed:
        return None
    drafted = draft(settings, before, folder, made(session, result))
    return Recorded(folder, before, drafted, is_news(drafted, before))


def _run(
    session: Session, recipe: Path, options: Options, listener: Listener
) -> tuple[RunResult, tuple[str, ...]]:
    failures: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, NodeFailed):
            failures.append(f"{event.node}: {event.message}")
        listener(event)

    changes = Changes(params=options.params, fields=options.fields, axes=options.axes)
    result = run(session, compose_file(recipe, changes, session.registry), listen)
    if result.outcome.interrupted:
        raise KeyboardInterrupt
    return result, tuple(failures)
