"""Prompts that say less, or something else, than was meant."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sdflow.graph.build import GraphNode
from sdflow.lint.subject import Subject, finding
from sdflow.nodes.encode_prompt import EncodePrompt
from sdflow.problems import Problem

_FIELDS = ("prompt", "negative", "prompt_2", "negative_2")


@dataclass(frozen=True, slots=True)
class _Syntax:
    """A way of writing, what it means where it is understood, and the values of `weighting` that understand it."""

    pattern: re.Pattern[str]
    meaning: str
    understood: frozenset[str]


def _syntax(pattern: str, meaning: str, *understood: str) -> _Syntax:
    return _Syntax(re.compile(pattern), meaning, frozenset(understood))


_SYNTAXES = (
    _syntax(r"(?<!\\)\([^()]*:\s*[+-]?\d*\.?\d+\s*\)", "a weight", "a1111", "comfy"),
    _syntax(r"(?<!\\)\(\([^()]*\)\)", "emphasis", "a1111", "comfy", "compel"),
    _syntax(r"(?<!\\)\[[^\[\]]*:[^\[\]]*:?\s*\d*\.?\d+\s*\]", "an edit of the prompt on the way", "a1111"),
    _syntax(r"(?<!\\)\[[^\[\]|]+\|[^\[\]]*\]", "words that alternate", "a1111"),
    _syntax(r"(?<!\\)\[\[[^\[\]]*\]\]", "less emphasis", "a1111"),
    _syntax(r"(?<!\w)BREAK(?!\w)", "a new chunk", "a1111"),
    _syntax(r"(?<!\w)embedding:[\w.-]+", "a textual inversion", "comfy"),
    _syntax(r"(?<!\\)\([^()]*\)(?:\d*\.\d+|\++)", "a weight", "compel"),
)
_LORA = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*>")
_AND = re.compile(r"(?<!\w)AND(?!\w)")
_BRACKETS = {"a1111": {"(": ")", "[": "]"}, "comfy": {"(": ")"}}
"""The brackets that mean something, by language."""


def weights_as_text(subject: Subject) -> Iterator[Problem]:
    """SDF801 and SDF802: what other programs read as more than words, and this recipe as words."""
    for item, path, text in _texts(subject):
        weighting = str(getattr(item.node, "weighting", "plain"))
        for syntax in _SYNTAXES:
            found = syntax.pattern.search(text)
            if found and weighting not in syntax.understood:
                ways = sorted(syntax.understood & _ways(item))
                hint = (
                    f"Write `weighting: {ways[0]}` for {syntax.meaning}, or leave the signs out."
                    if ways
                    else None
                )
                message = f"`{_short(found[0])}` is read as it stands, not as {syntax.meaning}"
                yield finding(item, path, "SDF801", message, hint)
                break
        if weighting == "a1111" and _AND.search(text):
            hint = (
                "Write each prompt as a node of its own, and put them together with `combine-conditioning`."
            )
            yield finding(item, path, "SDF801", "`AND` is read as it stands, not as another prompt", hint)
        tag = _LORA.search(text)
        if tag:
            hint = "Put an `apply-lora` node between the model and what uses it."
            message = f"`{_short(tag[0])}` loads nothing: a prompt names no files"
            yield finding(item, path, "SDF802", message, hint)


def unclosed_brackets(subject: Subject) -> Iterator[Problem]:
    """SDF801: a bracket that is opened and never closed, so that its number is text."""
    for item, path, text in _texts(subject):
        place = _unclosed(text, _BRACKETS.get(str(getattr(item.node, "weighting", "plain")), {}))
        if place is not None:
            message = f"the bracket of `{_short(text[place:])}` is never closed"
            hint = f"Close it, or write `\\{text[place]}` for one that is text."
            yield finding(item, path, "SDF801", message, hint)


def _unclosed(text: str, brackets: Mapping[str, str]) -> int | None:
    """Where the first bracket is opened that is not closed."""
    opened: list[int] = []
    for piece in re.finditer(r"\\.|[()\[\]]", text, re.DOTALL):
        if piece[0] in brackets:
            opened.append(piece.start())
        elif opened and piece[0] == brackets[text[opened[-1]]]:
            opened.pop()
    return opened[0] if opened else None


def repeated_words(subject: Subject) -> Iterator[Problem]:
    """SDF809: the same tag, or the same word twice in a row."""
    for item, path, text in _texts(subject):
        tags = Counter(" ".join(tag.lower().split()) for tag in text.split(","))
        twice = [tag for tag, count in tags.items() if tag and count > 1]
        doubled = re.search(r"\b(\w{2,})\s+\1\b", text, re.IGNORECASE)
        if doubled:
            twice.append(doubled[1])
        if twice:
            listed = ", ".join(f"`{_short(word)}`" for word in twice[:3])
            yield finding(item, path, "SDF809", f"{listed} stands there more than once")


def _ways(item: GraphNode) -> frozenset[str]:
    """The values that the field `weighting` of a node takes, when it has one."""
    field = type(item.node).model_fields.get("weighting")
    return frozenset(getattr(field.annotation, "__args__", ())) if field is not None else frozenset()


def _texts(subject: Subject) -> Iterator[tuple[GraphNode, Sequence[str | int], str]]:
    for item, node in subject.nodes(EncodePrompt):
        for field in _FIELDS:
            value = getattr(node, field, None)
            name = field.replace("_", "-")
            if isinstance(value, str):
                yield item, (name,), value
            elif isinstance(value, tuple):
                yield from ((item, (name, place), text) for place, text in enumerate(value))


def _short(text: str) -> str:
    most = 40
    return text if len(text) <= most else f"{text[: most - 1]}…"
