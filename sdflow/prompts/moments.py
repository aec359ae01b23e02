"""All prompts of one side together: in which steps they say the same, and how they fill chunks then."""

from collections.abc import Sequence
from dataclasses import dataclass

from sdflow.prompts.chunks import Layout, Long, lay_out
from sdflow.prompts.compel_syntax import lay_out_compel
from sdflow.prompts.fragments import PromptError, Variant, Weighting
from sdflow.prompts.languages import read_prompt
from sdflow.prompts.schedule import MOST_VARIANTS
from sdflow.prompts.spans import can_hold
from sdflow.prompts.vocabulary import Vocabulary
from sdflow.values import ALWAYS, Span


@dataclass(frozen=True, slots=True)
class Moment:
    """What the prompts of a side say in the steps of `span`: a layout for each prompt, for each text encoder."""

    span: Span
    layouts: tuple[tuple[Layout, ...], ...]

    @property
    def chunks(self) -> int:
        """The most chunks that one of them has."""
        return max(len(layout.chunks) for prompts in self.layouts for layout in prompts)


def moments(
    texts: Sequence[Sequence[str]], weighting: Weighting, vocabularies: Sequence[Vocabulary], long: Long
) -> tuple[Moment, ...]:
    """Everything that the prompts say, in spans that share out all steps.

    Args:
        texts: for each text encoder its prompts: one for all items of a batch, or one for each.
        weighting: the language of all of them.
        vocabularies: of each text encoder.
        long: whether a prompt may take several chunks.

    Raises:
        PromptError: the language does not allow one of them, or they say too many different things together.
    """
    readings = {
        text: read_prompt(text, weighting) for text in dict.fromkeys(text for own in texts for text in own)
    }
    return tuple(
        Moment(
            span,
            tuple(
                tuple(_laid_out(said[text], weighting, vocabulary, long) for text in own)
                for own, vocabulary in zip(texts, vocabularies, strict=True)
            ),
        )
        for span, said in _together(readings)
    )


def chunk_counts(sides: Sequence[Sequence[Moment]], weighting: Weighting) -> list[tuple[int, ...]]:
    """In how many chunks each moment of each side is embedded, the missing ones being empty.

    All have the same number, but in ComfyUI's language: there a prompt is filled up to the others of its batch alone,
    and where sides differ, attention sees each as often as it takes to make them equally long.
    """
    own = [tuple(moment.chunks for moment in side) for side in sides]
    if weighting == "comfy":
        return own
    most = max(count for counts in own for count in counts)
    return [(most,) * len(counts) for counts in own]


def _laid_out(variant: Variant, weighting: Weighting, vocabulary: Vocabulary, long: Long) -> Layout:
    if weighting == "compel":
        return lay_out_compel(variant.text, vocabulary, long)
    return lay_out(variant, weighting, vocabulary, long)


def _together(readings: dict[str, tuple[Variant, ...]]) -> list[tuple[Span, dict[str, Variant]]]:
    """Spans in which no text changes, and what each says in them."""
    found: list[tuple[Span, dict[str, Variant]]] = [(ALWAYS, {})]
    for text, variants in readings.items():
        found = [
            (both, {**said, text: variant})
            for span, said in found
            for variant in variants
            if can_hold(both := span.within(variant.span))
        ]
        if len(found) > MOST_VARIANTS:
            raise PromptError(f"together the prompts say more than {MOST_VARIANTS} different things")
    return found
