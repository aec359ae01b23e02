"""Names of output files with placeholders: `{name}`, `{cell}`, `{index}`, `{params.seed}`, `{params.seed:05d}`.

Own code and not `str.format`, which would let a recipe reach into Python objects.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.problems import nearest
from sdflow.recipe.fitting import shown
from sdflow.recipe.model import Param
from sdflow.recipe.proposals import listed
from sdflow.recipe.safe_names import safe_component, safe_value, why_not_portable

_PIECE = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
_INTEGER_FORMAT = re.compile(r"(?:0([1-9][0-9]?))?d")
_FLOAT_FORMAT = re.compile(r"(?:0([1-9][0-9]?))?\.([0-9])f")
_DRIVE = re.compile(r"[A-Za-z]:")
_PLAIN = ("name", "cell", "index")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{what:format}`; `what` is `name`, `cell`, `index` or `params.NAME`."""

    what: str
    format: str = ""

    @property
    def param(self) -> str | None:
        """The param that it shows, if it does."""
        return self.what.removeprefix("params.") if self.what.startswith("params.") else None

    def __str__(self) -> str:
        return f"{{{self.what}:{self.format}}}" if self.format else f"{{{self.what}}}"


@dataclass(frozen=True, slots=True)
class Template:
    """A path relative to the output folder: literal texts and placeholders."""

    parts: tuple[str | Placeholder, ...]

    @property
    def params(self) -> tuple[str, ...]:
        """The params that the path shows."""
        found = (part.param for part in self.parts if isinstance(part, Placeholder))
        return tuple(dict.fromkeys(name for name in found if name is not None))

    def has(self, what: str) -> bool:
        """Whether a placeholder shows this."""
        return any(isinstance(part, Placeholder) and part.what == what for part in self.parts)

    def fill(self, name: str, cell: str, params: Mapping[str, Json]) -> str:
        """The path with all but `{index}` filled in, in NFC; literal braces stay doubled."""
        texts = [part if isinstance(part, str) else _filled(part, name, cell, params) for part in self.parts]
        path = unicodedata.normalize("NFC", "".join(texts))
        return "/".join(safe_component(component) for component in path.split("/"))


@dataclass(frozen=True, slots=True)
class TemplateMistake:
    """What is wrong with a template: its code, and the part of the text that it is about."""

    code: str
    message: str
    part: str
    offset: int
    hint: str | None = None


def read_template(text: str, params: Mapping[str, Param]) -> tuple[Template, list[TemplateMistake]]:
    """A template and all that is wrong with it."""
    parts: list[str | Placeholder] = []
    mistakes: list[TemplateMistake] = []
    for found in _PIECE.finditer(text):
        piece, offset = found.group(), found.start()
        if piece in ("{", "}"):
            hint = f"write `{piece * 2}` for a brace in the name"
            mistakes.append(TemplateMistake("SDF150", f"a single `{piece}`", piece, offset, hint))
        elif piece.startswith("{") and piece != "{{":
            placeholder = Placeholder(*(piece[1:-1].split(":", 1)))
            mistake = _wrong_placeholder(placeholder, piece, offset, params)
            mistakes += [mistake] if mistake else []
            parts.append(placeholder)
        else:
            parts.append(piece)
    mistakes += _wrong_path(text)
    return Template(tuple(parts)), mistakes


def format_number(value: float, form: str) -> str:
    """A number by one of the formats that `read_template` lets through: `05d`, `.2f`, `07.2f`."""
    decimals = _FLOAT_FORMAT.fullmatch(form)
    if decimals is not None:
        return f"{value:.{int(decimals[2])}f}".zfill(int(decimals[1] or 0))
    width = _INTEGER_FORMAT.fullmatch(form)
    return str(int(value)).zfill(int(width[1] or 0) if width is not None else 0)


def _wrong_placeholder(
    placeholder: Placeholder, piece: str, offset: int, params: Mapping[str, Param]
) -> TemplateMistake | None:
    if placeholder.what not in _PLAIN and placeholder.param not in params:
        meant = f"params.{placeholder.what}"
        known = [*_PLAIN, *(f"params.{name}" for name in params)]
        close = meant if meant in known else nearest(placeholder.what, known)
        hint = (
            f"did you mean `{{{close}}}`?"
            if close
            else f"there are {listed(f'{{{word}}}' for word in known)}"
        )
        return TemplateMistake("SDF151", f"`{piece[:40]}` means nothing in a file name", piece, offset, hint)
    if ":" not in piece or any(form.fullmatch(placeholder.format) for form in _formats(placeholder, params)):
        return None
    hint = "integers take `:05d`, numbers `:.2f`; other values take no format"
    return TemplateMistake("SDF152", f"`{placeholder.format[:20]}` is no format here", piece, offset, hint)


def _formats(placeholder: Placeholder, params: Mapping[str, Param]) -> tuple[re.Pattern[str], ...]:
    """The formats that the value of a placeholder takes."""
    if placeholder.what == "index":
        return (_INTEGER_FORMAT,)
    kind = params[placeholder.param].type if placeholder.param is not None else ""
    return {
        "int": (_INTEGER_FORMAT, _FLOAT_FORMAT),
        "seed": (_INTEGER_FORMAT,),
        "float": (_FLOAT_FORMAT,),
    }.get(kind, ())


def _wrong_path(text: str) -> Iterable[TemplateMistake]:
    hint = "give a path below the output folder, with `/` between folders"
    if text.startswith("/") or _DRIVE.match(text):
        yield TemplateMistake("SDF153", f"`{text[:60]}` is an absolute path", text, 0, hint)
        return
    if "\\" in text:
        yield TemplateMistake("SDF155", "a backslash in a path", "\\", text.index("\\"), hint)
        return
    offset = 0
    for component in text.split("/"):
        literal = re.sub(r"\{[^{}]*\}", "0", component.replace("{{", "(").replace("}}", ")"))
        if component in ("..", "."):
            yield TemplateMistake("SDF153", f"`{component}` in a path", component, offset, hint)
        elif not component:
            yield TemplateMistake("SDF150", "a folder or file without a name", text, 0, hint)
            return
        elif why := why_not_portable(literal):
            yield TemplateMistake("SDF155", why, component, offset)
        offset += len(component) + 1


def _filled(part: Placeholder, name: str, cell: str, params: Mapping[str, Json]) -> str:
    if part.what == "index":
        width = _INTEGER_FORMAT.fullmatch(part.format)
        return f"{{index:0{width[1]}d}}" if width is not None and width[1] else "{index}"
    if part.param is None:
        return _doubled(name if part.what == "name" else cell)
    value = params.get(part.param)
    if part.format and isinstance(value, int | float) and not isinstance(value, bool):
        return safe_value(format_number(value, part.format))
    text = ",".join(shown(item) for item in value) if isinstance(value, list) else shown(value)
    return _doubled(safe_value(text))


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
