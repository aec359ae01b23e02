"""`encode-prompt`: what to draw, and what to keep away from."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Literal, TypeAlias

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.models.family import X2_UPSCALER
from sdflow.nodes.prompt_lengths import Length, Side, lengths, read_side, refuse_language
from sdflow.nodes.prompt_words import (
    learned_words,
    planned_vocabulary,
    used_words,
    variants_of,
    with_used_words,
)
from sdflow.prompts import Weighting
from sdflow.prompts.chunks import Long
from sdflow.prompts.moments import Moment, chunk_counts
from sdflow.prompts.vocabulary import Vocabulary
from sdflow.values import Adapter, Conditioning, ConditioningSpec, EntrySpec, Model

Text = str | tuple[str, ...]
SideName: TypeAlias = Literal["prompt", "negative"]
SIDES: tuple[SideName, ...] = ("prompt", "negative")
_ENCODERS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))
_ZEROS = "force_zeros_for_empty_prompt"


class EncodePrompt(Node, type="encode-prompt", version=2):
    """Turn a prompt into conditioning with the model's text encoders."""

    outputs = {"conditioning": "Conditioning"}
    lane = "device"
    numeric = True

    model: Input[Model]
    """The model whose tokenizers and text encoders are used."""
    prompt: Text
    """What to draw. A list gives every item of the batch its own prompt."""
    negative: Text | None = None
    """What to keep away from; used when guidance is above 1. Left out, it is an empty text, but for SDXL nothing."""
    prompt_2: Text | None = None
    """Another prompt for SDXL's second text encoder; left out, it reads the same."""
    negative_2: Text | None = None
    """Another negative prompt for SDXL's second text encoder; left out, it reads the same."""
    clip_skip: int = Field(0, ge=0, le=12)
    """Layers of the text encoders to skip at their ends. With SD 1.x and 2.x, 1 is what A1111 calls clip skip 2.
    Negative prompts skip them with a1111 and comfy; in diffusers they never do."""
    weighting: Weighting = "plain"
    """The language of the prompts: plain takes brackets as text; a1111, comfy and compel weigh words."""
    long: Long = "refuse"
    """What to do with a prompt beyond the encoder's length: refuse it, cut it, or encode it in chunks of 75.
    Chunks end where the language has it so; what BREAK divides is not too long by itself."""

    def key_fields(self, *, without: frozenset[str] = frozenset()) -> dict[str, Json]:
        """A negative prompt that is left out is an empty one; where it is not, `described` says so."""
        fields = super().key_fields(without=without)
        return {**fields, "negative": ""} if self.negative is None and "negative" not in without else fields

    def components(self, model: Model) -> frozenset[str]:
        """The tokenizers and the text encoders."""
        return frozenset(role for pair in _encoders(model) for role in pair)

    def described(self, model: Model) -> Json:
        """Those, with the textual inversions that prompts use, and what a negative prompt that is left out means."""
        described = with_used_words(model, self.used_words(model)).describe(self.components(model))
        if model.family == X2_UPSCALER:
            described = {**described, "reading": "unnormed"}
        return {**described, "zeros": True} if self._zeros(model) else described

    def _zeros(self, model: Model) -> bool:
        """Whether the negative side is zeros: SDXL was trained with those in place of no prompt."""
        return self.negative is None and model.traits.get(_ZEROS) is True

    def _texts(self, model: Model, side: SideName) -> list[tuple[str, ...]]:
        """What each text encoder reads of a side, as many texts each."""
        first = _listed(getattr(self, side) or "")
        second = getattr(self, f"{side}_2")
        every = [first, _listed(second) if second is not None else first][: len(_encoders(model))]
        count = max(len(texts) for texts in every)
        return [texts * count if len(texts) == 1 else texts for texts in every]

    def infer(self, facts: Facts, model: Model) -> Mapping[str, ConditioningSpec]:
        """One embedding per prompt.

        Raises:
            Refusal: an empty list, lists of different lengths, a prompt that is too long, or one for an encoder that
                the model does not have.
        """
        self._refuse_second(model)
        prompts = self._refuse_uneven("prompt", model)
        negatives = self._refuse_uneven("negative", model, 0 if prompts == 1 else prompts)
        encoders = [model.components[role] for _, role in _encoders(model)]
        layers = min(_number(it.config, "num_hidden_layers", 12) for it in encoders) - _always_skipped(model)
        if self.clip_skip >= layers:
            raise Refusal(f"clip-skip {self.clip_skip} of {layers} layers leaves none", field="clip_skip")
        said = self._said(facts, model)
        room = _number(encoders[0].config, "max_position_embeddings", 77)
        positive, negative = (
            tuple(EntrySpec(room * count, it.span) for it, count in zip(moments, counts, strict=True))
            for moments, counts in zip(said, chunk_counts(said, self.weighting), strict=True)
        )
        if self._zeros(model):
            negative = (EntrySpec(positive[0].tokens),)
        width = sum(_number(it.config, "hidden_size", 512) for it in encoders)
        pooled = _number(encoders[-1].config, "projection_dim", 512) if _always_skipped(model) else 0
        if model.family == X2_UPSCALER:
            pooled = width
        return {"conditioning": ConditioningSpec(max(prompts, negatives), width, positive, negative, pooled)}

    def notes(self, facts: Facts, model: Model) -> Mapping[str, Json]:
        """How many tokens and chunks each prompt has, and where it is cut."""
        found: list[Length] = []
        for name, said in zip(SIDES, self._said(facts, model), strict=True):
            if name == "prompt" or self.negative is not None:
                found += lengths(self._side(model, name), said, self._vocabularies(facts, model))
        return {"prompts": [length.to_json(truncated=self.long == "truncate") for length in found]}

    def _said(self, facts: Facts, model: Model) -> list[tuple[Moment, ...]]:
        """What both sides say in which steps; of an absent negative side, that of an empty text."""
        vocabularies = self._vocabularies(facts, model)
        return [read_side(self._side(model, name), self.weighting, vocabularies, self.long) for name in SIDES]

    def _side(self, model: Model, name: SideName) -> Side:
        texts = self._texts(model, name)
        return Side(tuple(self._written(name, place) for place in range(len(texts))), tuple(texts))

    def _vocabularies(self, facts: Facts, model: Model) -> list[Vocabulary]:
        """Of each text encoder, with the textual inversions that the prompts use."""
        for name in SIDES:
            refuse_language(self._side(model, name), self.weighting, self._names(model))
        used = self.used_words(model)
        return [
            planned_vocabulary(facts, model.components[tokenizer], used[encoder], self.weighting)
            for tokenizer, encoder in _encoders(model)
        ]

    def _names(self, model: Model) -> list[str]:
        """The words of all textual inversions on the model."""
        every = [it for _, role in _encoders(model) for it in model.components[role].adapters]
        return list(dict.fromkeys(adapter.token for adapter in every if adapter.kind == "embedding"))

    def used_words(self, model: Model) -> dict[str, tuple[Adapter, ...]]:
        """The textual inversions that the prompts use, by text encoder."""
        sides = [self._texts(model, name) for name in SIDES]
        return {
            role: used_words(
                model.components[role], [text for texts in sides for text in texts[place]], self.weighting
            )
            for place, (_, role) in enumerate(_encoders(model))
        }

    def _refuse_second(self, model: Model) -> None:
        for field in ("prompt_2", "negative_2"):
            if getattr(self, field) is not None and len(_encoders(model)) == 1:
                written = field.replace("_", "-")
                raise Refusal(f"{written} is for a second text encoder; this model has one", field=field)
        if self.negative_2 is not None and self.negative is None:
            hint = 'write negative as well; negative: "" is an empty one'
            raise Refusal("negative-2 goes with a negative", field="negative_2", hint=hint)

    def _refuse_uneven(self, side: SideName, model: Model, prompts: int = 0) -> int:
        """How many texts a side has; they have to be one or as many as the others."""
        counts = {
            field: len(_listed(value))
            for field in (side, f"{side}_2")
            if (value := getattr(self, field)) is not None
        }
        for field, count in counts.items():
            if not count:
                raise Refusal(f"{field.replace('_', '-')} is an empty list", field=field, code="SDF204")
        wanted = prompts or max(counts.values(), default=1)
        for field, count in counts.items():
            if count not in (1, wanted):
                written = field.replace("_", "-")
                raise Refusal(f"{written} has {count} texts where there are {wanted} prompts", field=field)
        return wanted

    def _written(self, side: str, encoder: int) -> str:
        """The field that a text comes from."""
        second = f"{side}_2"
        return second if encoder and getattr(self, second) is not None else side

    def cost(self, model: Model) -> Cost:
        """One pass of each text encoder per prompt, and for each thing that a prompt with schedules says."""
        every = [text for side in SIDES for texts in self._texts(model, side) for text in texts]
        return Cost(sum(variants_of(text, self.weighting) for text in every), 2**24)

    def run(self, ctx: RunContext, model: Model) -> Conditioning:
        """Embeddings of all prompts."""
        from sdflow.diffusion.text import TextEncoder, encode_prompts

        used = self.used_words(model)
        bare = with_used_words(model, dict.fromkeys(used, ()))
        with ExitStack() as stack:
            encoders = [
                TextEncoder(
                    stack.enter_context(ctx.module(bare, tokenizer)),
                    stack.enter_context(ctx.module(bare, encoder)),
                    learned_words(used[encoder], encoder),
                )
                for tokenizer, encoder in _encoders(model)
            ]
            return encode_prompts(
                encoders,
                self._texts(model, "prompt"),
                None if self._zeros(model) else self._texts(model, "negative"),
                weighting=self.weighting,
                reading=_reading(model),
                clip_skip=self.clip_skip,
                long=self.long,
                device=str(ctx.device),
            )


def _encoders(model: Model) -> Sequence[tuple[str, str]]:
    """The roles of the model's tokenizers and text encoders: one pair, or SDXL's two."""
    return [pair for pair in _ENCODERS if pair[1] in model.components]


def _always_skipped(model: Model) -> int:
    """The layers that are left out without a word: SDXL reads its text encoders before their last one."""
    return 1 if "text_encoder_2" in model.components else 0


def _reading(model: Model) -> Literal["last", "penultimate", "unnormed"]:
    """Which hidden state the model's family takes."""
    if model.family == X2_UPSCALER:
        return "unnormed"
    return "penultimate" if _always_skipped(model) else "last"


def _listed(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def _number(config: Mapping[str, Json], name: str, default: int) -> int:
    return int(str(config.get(name, default)))
