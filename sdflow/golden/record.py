"""A golden that is to be written: made from a run, and compared with the one that is there."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from sdflow.golden.frames import from_png, picture_name, shrunk, to_png
from sdflow.golden.made import Made
from sdflow.golden.reference import FILE, Expected, Golden
from sdflow.golden.text import golden_text, parse_golden
from sdflow.pictures.atomic import write_atomically
from sdflow.problems import UserError, problem


@dataclass(frozen=True, slots=True)
class Draft:
    """A golden, and the files of its pictures by name: those that are new or other than before."""

    golden: Golden
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def read_golden(folder: Path) -> Golden:
    """The golden in a folder.

    Raises:
        UserError: SDF760, it is not there or cannot be read; SDF761, SDF762, it is none.
    """
    file = folder / FILE
    try:
        return parse_golden(file.read_text(encoding="utf-8"), str(file))
    except FileNotFoundError:
        hint = "make it with `sdflow golden record`"
        raise problem("SDF760", f"there is no {file}", hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise problem("SDF760", f"{file} cannot be read: {error}") from error


def draft(settings: Golden, before: Golden | None, folder: Path, made: Iterable[Made]) -> Draft:
    """The golden of what was made. `settings` has its options, tolerance, size and numerics; outputs keep their own
    tolerances.
    """
    known = before.outputs if before is not None else {}
    outputs: dict[str, Expected] = {}
    pictures: dict[str, bytes] = {}
    for one in made:
        was = known.get(one.path)
        name = picture_name(one.path) if one.frames is not None and settings.longest_side else ""
        while name and name in (expected.picture for expected in outputs.values()):
            name = f"{name}.png"  # `a.jpg` and `a.jpg.png`
        outputs[one.path] = Expected(
            one.digest, one.precision, name, was.tolerance if was is not None else None
        )
        same = was is not None and was.digest == one.digest and was.picture == name
        same = same and before is not None and before.longest_side == settings.longest_side
        if name and one.frames is not None and not (same and _is_picture(folder / name)):
            pictures[name] = to_png(shrunk(one.frames, settings.longest_side))
    return Draft(replace(settings, outputs=outputs), pictures)


def is_news(made: Draft, before: Golden | None) -> bool:
    """Whether there is something to write: it says something else than the one before, or pictures are not there."""
    return before is None or bool(made.pictures) or says_other(made, before)


def says_other(made: Draft, before: Golden) -> bool:
    """Whether the file says something else than before, but for the class; else only lost pictures are made again."""
    return _without_class(made.golden) != _without_class(before)


def write_golden(made: Draft, before: Golden | None, folder: Path) -> None:
    """Write the folder: new pictures first, then the file that names them; pictures that nothing names any more go.

    Raises:
        UserError: SDF701, SDF702 or SDF706.
    """
    for name, content in made.pictures.items():
        write_atomically(folder / name, content)
    write_atomically(folder / FILE, golden_text(made.golden).encode())
    named = {expected.picture for expected in made.golden.outputs.values()}
    for expected in before.outputs.values() if before is not None else ():
        if expected.picture and expected.picture not in named:
            _remove(folder, expected.picture)


def _without_class(golden: Golden) -> Golden:
    outputs = {path: replace(expected, precision="") for path, expected in golden.outputs.items()}
    return replace(golden, numerics={}, outputs=outputs)


def _is_picture(file: Path) -> bool:
    """Whether a picture is there, whole."""
    try:
        from_png(file, 1)
    except UserError:
        return False
    return True


def _remove(folder: Path, name: str) -> None:
    """Remove a picture, and folders that are empty then."""
    file = folder / name
    file.unlink(missing_ok=True)
    for parent in file.relative_to(folder).parents:
        if parent.name:
            with suppress(OSError):
                (folder / parent).rmdir()
