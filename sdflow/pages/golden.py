"""The page of `sdflow golden verify`: every output with reference, result and a map of their difference."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sdflow.pages.frame import mark, page, picture, text

_STYLE = """
.pictures { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.6rem; max-width: 54rem }
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture as PNG, and what it is."""

    caption: str
    png: bytes


@dataclass(frozen=True, slots=True)
class OutputCard:
    """One output: whether it is as recorded, what that says, and its pictures."""

    path: str
    passed: bool
    words: tuple[str, ...]
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class RecipeSection:
    """One recipe: the options that it was recorded with, its class, what failed, and its outputs."""

    recipe: str
    options: str
    words: tuple[str, ...]
    failures: tuple[str, ...]
    outputs: tuple[OutputCard, ...]

    @property
    def passed(self) -> bool:
        """Whether everything is as recorded."""
        return not self.failures and all(it.passed for it in self.outputs)


def golden_page(sections: Sequence[RecipeSection], made: str) -> str:
    """The page; `made` says when and with what it was made."""
    outputs = [output for section in sections for output in section.outputs]
    good = sum(it.passed for it in outputs)
    passed = all(section.passed for section in sections)
    summary = f"{good} of {len(outputs)} outputs are as recorded"
    body = [
        f"<header><h1>Golden pictures</h1><p>{_verdict(passed=passed)} {text(summary)}</p>",
        f'<p class="dim small">{text(made)}</p></header>',
    ]
    body += [line for section in sections for line in _section(section)]
    return page(f"Golden pictures: {summary}", body, _STYLE)


def _section(section: RecipeSection) -> Iterator[str]:
    yield f"<section><h2>{text(section.recipe)}</h2>"
    if section.options:
        yield f"<p><code>{text(section.options)}</code></p>"
    yield from (f'<p class="dim small">{text(words)}</p>' for words in section.words)
    for failure in section.failures:
        yield f'<div class="card bad"><div class="head">{mark("failed", "bad")}<span>{text(failure)}</span></div></div>'
    # What went wrong is what a reader is here for.
    for output in sorted(section.outputs, key=lambda it: it.passed):
        yield from _card(output)
    yield "</section>"


def _card(output: OutputCard) -> Iterator[str]:
    yield f'<article class="card{"" if output.passed else " bad"}"><div class="head">'
    yield f"{_verdict(passed=output.passed)}<h3>{text(output.path)}</h3></div>"
    yield from (f'<p class="small">{text(words)}</p>' for words in output.words)
    if output.figures:
        yield '<div class="pictures exact">'
        yield from (picture(it.png, it.caption) for it in output.figures)
        yield "</div>"
    yield "</article>"


def _verdict(*, passed: bool) -> str:
    return mark("as recorded", "good") if passed else mark("not as recorded", "bad")
