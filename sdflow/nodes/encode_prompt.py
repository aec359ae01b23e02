"""`encode-prompt`: what to draw, and what to keep away from."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Component, Conditioning, ConditioningSpec, EntrySpec, Model


class EncodePrompt(Node, type="encode-prompt", version=1):
    """Turn a prompt into conditioning with the model's text encoder."""

    outputs = {"conditioning": "Conditioning"}
    lane = "device"
    numeric = True

    model: Input[Model]
    """The model whose tokenizer and text encoder are used."""
    prompt: str | tuple[str, ...]
    """What to draw. A list gives every item of the batch its own prompt."""
    negative: str | tuple[str, ...] = ""
    """What to keep away from; used when guidance is above 1."""
    clip_skip: int = Field(0, ge=0, le=12)
    """Layers of the text encoder to skip at its end. 1 is what A1111 calls clip skip 2."""
    long: Literal["refuse", "truncate", "chunk"] = "refuse"
    """What to do with a prompt beyond the encoder's length: refuse it, cut it, or encode it in chunks of 75."""

    def components(self, model: Model) -> frozenset[str]:
        """The tokenizer and the text encoder."""
        return frozenset({"tokenizer", "text_encoder"})

    @property
    def prompts(self) -> tuple[str, ...]:
        """One prompt per item, or one for all."""
        return (self.prompt,) if isinstance(self.prompt, str) else self.prompt

    @property
    def negatives(self) -> tuple[str, ...]:
        """One negative prompt per item, or one for all."""
        return (self.negative,) if isinstance(self.negative, str) else self.negative

    def infer(self, facts: Facts, model: Model) -> Mapping[str, ConditioningSpec]:
        """One embedding per prompt.

        Raises:
            Refusal: an empty list, lists of different lengths, or a prompt that is too long.
        """
        prompts, negatives = self.prompts, self.negatives
        if not prompts:
            raise Refusal("prompt is an empty list", field="prompt", code="SDF204")
        if len(negatives) not in (1, len(prompts)):
            raise Refusal(f"{len(negatives)} negative prompts for {len(prompts)} prompts", field="negative")
        layers = int(str(model.components["text_encoder"].config.get("num_hidden_layers", 12)))
        if self.clip_skip >= layers:
            raise Refusal(f"clip-skip {self.clip_skip} of {layers} layers leaves none", field="clip_skip")
        tokenizer = model.components["tokenizer"]
        chunks = max(
            *(self._chunks(facts, tokenizer, text, "prompt") for text in prompts),
            *(self._chunks(facts, tokenizer, text, "negative") for text in negatives),
        )
        config = model.components["text_encoder"].config
        length = int(str(config.get("max_position_embeddings", 77)))
        side = (EntrySpec(length * chunks),)
        return {"conditioning": ConditioningSpec(len(prompts), int(str(config["hidden_size"])), side, side)}

    def _chunks(self, facts: Facts, tokenizer: Component, text: str, field: str) -> int:
        found = facts.count_tokens(tokenizer, text)
        if found.count <= found.limit or self.long == "truncate":
            return 1
        if self.long == "chunk":
            return -(-found.count // found.limit)
        start = max(found.cut - 20, 0)
        place = f"{'…' if start else ''}{text[start : found.cut]}|{text[found.cut : found.cut + 20]}…"
        raise Refusal(
            f"{field} has {found.count} tokens and the text encoder takes {found.limit}; it ends at: {place}",
            field=field,
            hint="long: truncate cuts it there, long: chunk encodes it in chunks",
        )

    def cost(self, model: Model) -> Cost:
        """One pass of the text encoder per prompt."""
        return Cost(len(self.prompts) + len(self.negatives), 2**24)

    def run(self, ctx: RunContext, model: Model) -> Conditioning:
        """Embeddings of all prompts."""
        from sdflow.diffusion.text import encode_prompts

        with ctx.module(model, "tokenizer") as tokenizer, ctx.module(model, "text_encoder") as text_encoder:
            return encode_prompts(
                tokenizer,
                text_encoder,
                self.prompts,
                self.negatives,
                clip_skip=self.clip_skip,
                long=self.long,
                device=str(ctx.device),
            )
