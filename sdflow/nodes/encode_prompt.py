"""`encode-prompt`: what to draw, and what to keep away from."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Literal

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Component, Conditioning, ConditioningSpec, EntrySpec, Model

Text = str | tuple[str, ...]
_ENCODERS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))
_ZEROS = "force_zeros_for_empty_prompt"


class EncodePrompt(Node, type="encode-prompt", version=1):
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
    """Layers of the text encoders to skip at their ends. For Stable Diffusion 1 is what A1111 calls clip skip 2."""
    long: Literal["refuse", "truncate", "chunk"] = "refuse"
    """What to do with a prompt beyond the encoder's length: refuse it, cut it, or encode it in chunks of 75."""

    def components(self, model: Model) -> frozenset[str]:
        """The tokenizers and the text encoders."""
        return frozenset(role for pair in _encoders(model) for role in pair)

    def described(self, model: Model) -> Json:
        """Those, and what a negative prompt that is left out means."""
        described = model.describe(self.components(model))
        return {**described, "zeros": True} if self._zeros(model) else described

    def _zeros(self, model: Model) -> bool:
        """Whether the negative side is zeros: SDXL was trained with those in place of no prompt."""
        return self.negative is None and model.traits.get(_ZEROS) is True

    def _texts(self, model: Model, side: Literal["prompt", "negative"]) -> list[tuple[str, ...]]:
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
        self._refuse_uneven("negative", model, prompts)
        encoders = [(model.components[one], model.components[other]) for one, other in _encoders(model)]
        configs = [encoder.config for _, encoder in encoders]
        layers = min(_number(config, "num_hidden_layers", 12) for config in configs) - _always_skipped(model)
        if self.clip_skip >= layers:
            raise Refusal(f"clip-skip {self.clip_skip} of {layers} layers leaves none", field="clip_skip")
        chunks = max(
            self._chunks(facts, tokenizer, text, self._written(side, place))
            for side in ("prompt", "negative")
            for place, ((tokenizer, _), texts) in enumerate(
                zip(encoders, self._texts(model, side), strict=True)
            )
            for text in texts
        )
        tokens = (EntrySpec(_number(configs[0], "max_position_embeddings", 77) * chunks),)
        width = sum(_number(config, "hidden_size", 512) for config in configs)
        pooled = _number(configs[-1], "projection_dim", 512) if "text_encoder_2" in model.components else 0
        return {"conditioning": ConditioningSpec(prompts, width, tokens, tokens, pooled)}

    def _refuse_second(self, model: Model) -> None:
        for field in ("prompt_2", "negative_2"):
            if getattr(self, field) is not None and len(_encoders(model)) == 1:
                written = field.replace("_", "-")
                raise Refusal(f"{written} is for a second text encoder; this model has one", field=field)
        if self.negative_2 is not None and self.negative is None:
            hint = 'write negative as well; negative: "" is an empty one'
            raise Refusal("negative-2 goes with a negative", field="negative_2", hint=hint)

    def _refuse_uneven(self, side: Literal["prompt", "negative"], model: Model, prompts: int = 0) -> int:
        """How many texts a side has; they have to be one or as many as the others."""
        counts = {
            field: len(_listed(value))
            for field in (side, f"{side}_2")
            if (value := getattr(self, field)) is not None
        }
        for field, count in counts.items():
            if not count:
                raise Refusal(f"{field.replace('_', '-')} is an empty list", field=field, code="SDF204")
        wanted = prompts or max(counts.values())
        for field, count in counts.items():
            if count not in (1, wanted):
                written = field.replace("_", "-")
                raise Refusal(f"{written} has {count} texts where there are {wanted} prompts", field=field)
        return wanted

    def _written(self, side: str, encoder: int) -> str:
        """The field that a text comes from."""
        second = f"{side}_2"
        return second if encoder and getattr(self, second) is not None else side

    def _chunks(self, facts: Facts, tokenizer: Component, text: str, field: str) -> int:
        found = facts.count_tokens(tokenizer, text)
        if found.count <= found.limit or self.long == "truncate":
            return 1
        if self.long == "chunk":
            return -(-found.count // found.limit)
        start = max(found.cut - 20, 0)
        place = f"{'…' if start else ''}{text[start : found.cut]}|{text[found.cut : found.cut + 20]}…"
        raise Refusal(
            f"{field.replace('_', '-')} has {found.count} tokens and the text encoder takes {found.limit}; "
            f"it ends at: {place}",
            field=field,
            hint="long: truncate cuts it there, long: chunk encodes it in chunks",
        )

    def cost(self, model: Model) -> Cost:
        """One pass of each text encoder per prompt."""
        passes = sum(len(texts) for side in ("prompt", "negative") for texts in self._texts(model, side))
        return Cost(passes, 2**24)

    def run(self, ctx: RunContext, model: Model) -> Conditioning:
        """Embeddings of all prompts."""
        from sdflow.diffusion.text import TextEncoder, encode_prompts

        with ExitStack() as stack:
            encoders = [
                TextEncoder(*(stack.enter_context(ctx.module(model, role)) for role in pair))
                for pair in _encoders(model)
            ]
            return encode_prompts(
                encoders,
                self._texts(model, "prompt"),
                None if self._zeros(model) else self._texts(model, "negative"),
                reading="penultimate" if _always_skipped(model) else "last",
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


def _listed(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def _number(config: Mapping[str, Json], name: str, default: int) -> int:
    return int(str(config.get(name, default)))
