"""A golden as text: YAML, sorted, one fact on a line, so that git compares and merges it well."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import cast

from sdflow.golden.reference import Expected, Golden, Options, Tolerance
from sdflow.problems import UserError, problem
from sdflow.recipe.resolved import yaml_scalar
from sdflow.recipe.source import Source
from sdflow.recipe.yaml12 import parse_text

FORMAT = 1
_HEAD = """\
# Made by `sdflow golden record`, to be kept in git beside the recipe. Tolerances are for editing: of all outputs, or of
# one (psnr and ssim below its name). They count where the numerics class is another one; else digests have to be equal.
"""
_OPTIONS = ("params", "fields", "axes")


def golden_text(golden: Golden) -> str:
    """The file's text; equal goldens have equal texts."""
    lines = [f"sdflow-golden: {FORMAT}", f"longest-side: {golden.longest_side}", "tolerance:"]
    lines += _tolerance(golden.tolerance, "  ")
    if golden.options:
        lines.append("options:")
    for name in _OPTIONS:
        given = getattr(golden.options, name)
        lines += [f"  {name}:"] * bool(given) + [f"    - {yaml_scalar(it)}" for it in given]
    lines.append("numerics:")
    lines += [f"  {yaml_scalar(name)}: {yaml_scalar(it)}" for name, it in sorted(golden.numerics.items())]
    lines.append("outputs:")
    for path, expected in sorted(golden.outputs.items()):
        lines += [f"  {yaml_scalar(path)}:", *_output(expected)]
    return _HEAD + "\n".join(lines) + "\n"


def parse_golden(text: str, file: str) -> Golden:
    """The reverse of `golden_text`.

    Raises:
        UserError: SDF761, it is no golden; SDF762, a newer sdflow wrote it; or what is wrong with its YAML.
    """
    tree = parse_text(Source(file, text))
    if tree.problems:
        raise UserError(*tree.problems)
    value = tree.value
    if not isinstance(value, dict) or "sdflow-golden" not in value:
        raise _damaged(file, "there is no sdflow-golden in it")
    if value["sdflow-golden"] != FORMAT:
        hint = "upgrade sdflow, or remove it and make it anew with `sdflow golden record`"
        message = f"{file} has format {value['sdflow-golden']}, this sdflow reads {FORMAT}"
        raise problem("SDF762", message, hint=hint)
    try:
        _refuse_others(
            value, {"sdflow-golden", "longest-side", "tolerance", "options", "numerics", "outputs"}
        )
        tolerance = _parsed_tolerance(_mapping(value.get("tolerance")), Tolerance())
        return Golden(
            _parsed_options(_mapping(value.get("options"))),
            _whole(value.get("longest-side")),
            tolerance,
            {name: str(it) for name, it in _mapping(value.get("numerics")).items()},
            {
                path: _parsed_output(path, it, tolerance)
                for path, it in _mapping(value.get("outputs")).items()
            },
        )
    except (TypeError, ValueError) as error:
        raise _damaged(file, str(error)) from error


def _tolerance(tolerance: Tolerance, indent: str) -> list[str]:
    return [f"{indent}psnr: {tolerance.psnr:g}", f"{indent}ssim: {tolerance.ssim:g}"]


def _output(expected: Expected) -> Iterator[str]:
    yield f"    digest: {expected.digest}"
    if expected.precision:
        yield f"    precision: {yaml_scalar(expected.precision)}"
    if expected.picture:
        yield f"    picture: {yaml_scalar(expected.picture)}"
    if expected.tolerance is not None:
        yield from _tolerance(expected.tolerance, "    ")


def _parsed_output(path: str, value: object, tolerance: Tolerance) -> Expected:
    known = _mapping(value)
    _refuse_others(known, {"digest", "precision", "picture", "psnr", "ssim"})
    digest, picture = known.get("digest"), str(known.get("picture", ""))
    if not isinstance(digest, str) or not digest.startswith("sha256:"):
        raise ValueError(f"{path} has no digest")
    if PurePosixPath(picture).is_absolute() or ".." in PurePosixPath(picture).parts:
        raise ValueError(f"{picture} is no file in the golden's folder")
    own = _parsed_tolerance(known, tolerance) if known.keys() & {"psnr", "ssim"} else None
    return Expected(digest, str(known.get("precision", "")), picture, own)


def _parsed_tolerance(value: Mapping[str, object], default: Tolerance) -> Tolerance:
    return Tolerance(
        _number(value.get("psnr", default.psnr), "psnr"), _number(value.get("ssim", default.ssim), "ssim")
    )


def _parsed_options(value: Mapping[str, object]) -> Options:
    _refuse_others(value, set(_OPTIONS))
    for name, it in value.items():
        if not isinstance(it, list) or not all(isinstance(option, str) for option in it):
            raise TypeError(f"{name} is no list of texts")
    return Options(**{name: tuple(cast("list[str]", it)) for name, it in value.items()})


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is no number")
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("longest-side is no number of pixels")
    return value


def _mapping(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{value} is no mapping")
    return cast("dict[str, object]", value)


def _refuse_others(value: Mapping[str, object], known: set[str]) -> None:
    if others := value.keys() - known:
        raise ValueError(f"nobody knows what {', '.join(sorted(map(str, others)))} is")


def _damaged(file: str, why: str) -> UserError:
    hint = "mend it, take it from git, or remove it and make it anew with `sdflow golden record`"
    return problem("SDF761", f"{file} is no golden: {why}", hint=hint)
