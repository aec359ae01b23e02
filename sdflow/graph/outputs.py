"""Whether what is asked for can be written under the name it is given; and the names of a batch's files."""

import re
from pathlib import Path, PurePosixPath

from sdflow.graph.build import Graph, GraphOutput
from sdflow.graph.infer import Inferred
from sdflow.problems import Problem, UserError
from sdflow.values import AnimationSpec, ImageSpec, MaskSpec

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
ANIMATIONS = (".gif", ".webp", ".mp4")
TENSORS = ".safetensors"
_PART = re.compile(r"\{\{|\}\}|\{index(?::0?(\d{1,2})d)?\}")


def file_name(path: str, index: int) -> str:
    """The path with `{index}` filled in and doubled braces made single."""

    def part(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        return str(index).zfill(int(match[1] or 0))

    return _PART.sub(part, path)


def has_index(path: str) -> bool:
    """Whether the path tells the items of a batch apart."""
    return any(match[0].startswith("{index") for match in _PART.finditer(path))


def check_outputs(graph: Graph, inferred: Inferred) -> None:
    """Refuse outputs that cannot be written.

    Raises:
        UserError: every output whose kind does not go with its extension, and every batch without `{index}`.
    """
    problems = {problem: None for output in graph.outputs for problem in _problems(output, inferred)}
    if problems:
        raise UserError(*problems)


def _problems(output: GraphOutput, inferred: Inferred) -> list[Problem]:
    kind, extension = output.wire.kind, PurePosixPath(output.path).suffix.lower()
    planned = inferred[output.wire.node][output.wire.port]
    wanted = {
        "Image": PICTURES,
        "Mask": PICTURES,
        "Latent": (TENSORS,),
        "Conditioning": (TENSORS,),
        "Animation": ANIMATIONS,
    }.get(kind)
    if wanted is None:
        hint = "decode it, or write what is made from it"
        return [Problem("SDF212", f"a {kind} cannot be written to a file", output.position, hint=hint)]
    if extension not in wanted:
        message = f"{kind} cannot be written as {extension or 'a file without an extension'}"
        hint = f"extensions for it: {', '.join(wanted)}"
        if kind == "Image" and extension in ANIMATIONS:
            hint = "an animate node makes an animation of a batch"
        return [Problem("SDF212", message, output.position, hint=hint)]
    if isinstance(planned, AnimationSpec):
        return _of_animation(output, planned)
    if isinstance(planned, ImageSpec | MaskSpec) and planned.batch > 1 and not has_index(output.path):
        stem = PurePosixPath(output.path)
        hint = f"for example: {stem.with_name(stem.stem + '-{index}' + stem.suffix)}"
        message = f"{planned.batch} pictures cannot be written to one file; the path needs {{index}}"
        return [Problem("SDF213", message, output.position, hint=hint)]
    return []


def _of_animation(output: GraphOutput, planned: AnimationSpec) -> list[Problem]:
    from sdflow.values.animation_files import check_animation

    try:
        check_animation(Path(output.path), planned)
    except UserError as error:
        return [problem.placed(output.position) for problem in error.problems]
    return []
