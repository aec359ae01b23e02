"""How long prompts are, while planning: read in their language, laid out in chunks, refused at their fields."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.graph.node import Refusal
from sdflow.problems import nearest
from sdflow.prompts import PromptError, Weighting, read_prompt
from sdflow.prompts.chunks import Layout, Long
from sdflow.prompts.compel_syntax import compel_is_there
from sdflow.prompts.moments import Moment, moments
from sdflow.prompts.vocabulary import Vocabulary, unknown_embeddings


@dataclass(frozen=True, slots=True)
class Side:
    """The prompts of one side as a recipe has them: for each text encoder the field that it reads, and its texts."""

    fields: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Length:
    """One prompt for one text encoder, in the step in which it is longest."""

    field: str
    layout: Layout
    room: int

    def to_json(self, *, truncated: bool) -> dict[str, Json]:
        """For the plan: `cut` are the words around the place where it is cut, None where it is not."""
        cut = place_of(self.layout) if truncated and self.layout.cut is not None else None
        chunks = len(self.layout.chunks)
        return {
            "field": self.field.replace("_", "-"),
            "tokens": self.layout.count,
            "room": self.room,
            "chunks": chunks,
            "cut": cut,
        }


def lengths(side: Side, said: Sequence[Moment], vocabularies: Sequence[Vocabulary]) -> tuple[Length, ...]:
    """The longest that each prompt of a side becomes; a second encoder only where it reads a field of its own."""
    found: dict[tuple[str, str], Length] = {}
    for moment in said:
        for field, texts, layouts, vocabulary in zip(
            side.fields, side.texts, moment.layouts, vocabularies, strict=True
        ):
            for text, layout in zip(texts, layouts, strict=True):
                known = found.get((field, text))
                if known is None or _size(layout) > _size(known.layout):
                    found[field, text] = Length(field, layout, vocabulary.room)
    return tuple(found.values())


def read_side(
    side: Side, weighting: Weighting, vocabularies: Sequence[Vocabulary], long: Long
) -> tuple[Moment, ...]:
    """What the prompts of a side say in which steps, and in how many chunks.

    Raises:
        Refusal: at the field of a prompt that its language does not allow, or that is too long.
    """
    try:
        said = moments(side.texts, weighting, vocabularies, long)
    except PromptError as error:
        for field, text, vocabulary in _each(side, vocabularies):
            _refuse_unreadable(field, text, weighting, vocabulary)
        raise Refusal(str(error), field=side.fields[0], code="SDF421") from error
    if long == "refuse":
        for moment in said:
            for field, layouts, vocabulary in zip(side.fields, moment.layouts, vocabularies, strict=True):
                for layout in layouts:
                    _refuse_long(field, layout, vocabulary.room)
    return said


def refuse_language(side: Side, weighting: Weighting, names: Sequence[str]) -> None:
    """Refuse what a language cannot do with prompts.

    Raises:
        Refusal: compel is not installed; ComfyUI's `embedding:NAME` names something that is not on the model.
    """
    if weighting == "compel" and not compel_is_there():
        raise Refusal(
            "the package compel is not installed",
            field="weighting",
            code="SDF422",
            hint="pip install 'sdflow[compel]', or another weighting",
        )
    if weighting != "comfy":
        return
    for field, texts in zip(side.fields, side.texts, strict=True):
        for text in texts:
            _refuse_unknown(field, text, names)


def _refuse_unknown(field: str, text: str, names: Sequence[str]) -> None:
    try:
        parts = [part for variant in read_prompt(text, "comfy") for part in variant.parts]
    except PromptError as error:
        raise _unreadable(field, text, "comfy", error) from error
    for part in parts:
        for name in unknown_embeddings(part, names):
            raise Refusal(
                f"there is no embedding `{name}` on the model",
                field=field,
                code="SDF423",
                hint=_hint(name, names),
            )


def _hint(called: str, names: Sequence[str]) -> str:
    """What to do about a name that is not there; in ComfyUI's language a name ends at a space."""
    if any(name.split()[0] == called for name in names):
        return "its name ends at a space here: give it one without, `token` of load-embedding"
    close = nearest(called, [name for name in names if " " not in name])
    return f"did you mean `{close}`?" if close else "put it on the model with a `load-embedding` node"


def _each(side: Side, vocabularies: Sequence[Vocabulary]) -> Iterator[tuple[str, str, Vocabulary]]:
    for field, texts, vocabulary in zip(side.fields, side.texts, vocabularies, strict=True):
        for text in dict.fromkeys(texts):
            yield field, text, vocabulary


def _refuse_unreadable(field: str, text: str, weighting: Weighting, vocabulary: Vocabulary) -> None:
    try:
        moments([[text]], weighting, [vocabulary], "chunk")
    except PromptError as error:
        raise _unreadable(field, text, weighting, error) from error


def _unreadable(field: str, text: str, weighting: Weighting, error: PromptError) -> Refusal:
    start = max(error.place - 20, 0)
    at = f"{'…' if start else ''}{text[start : error.place]}|{text[error.place : error.place + 20]}"
    brackets = weighting == "comfy" or "a weight of" in str(error)
    hint = r"write \( and \) for brackets that are text" if brackets else None
    written = field.replace("_", "-")
    return Refusal(
        f"{written} is no prompt of `weighting: {weighting}`: {error}, at character {error.place + 1}: {at}",
        field=field,
        code="SDF421",
        hint=hint,
    )


def _refuse_long(field: str, layout: Layout, room: int) -> None:
    if layout.cut is None:
        return
    written = field.replace("_", "-")
    raise Refusal(
        f"{written} has {layout.longest} tokens and the text encoder takes {room}; "
        f"it ends at: {place_of(layout)}",
        field=field,
        hint="long: truncate cuts it there, long: chunk encodes it in chunks",
    )


def place_of(layout: Layout) -> str:
    """The words around the place where a prompt outgrows its encoder."""
    cut, text = layout.cut or 0, layout.text
    start = max(cut - 20, 0)
    return f"{'…' if start else ''}{text[start:cut]}|{text[cut : cut + 20]}…"


def _size(layout: Layout) -> tuple[int, int]:
    return len(layout.chunks), layout.count
