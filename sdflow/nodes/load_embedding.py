"""`load-embedding`: a word that was learnt from pictures, for use in prompts."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import Field

from sdflow.graph.facts import AdapterNeed, Facts
from sdflow.graph.fields import Place
from sdflow.graph.node import Need, Node, Refusal
from sdflow.graph.wire import Input
from sdflow.values import Adapter, AdapterFacts, Component, Model, canonical_json

_ENCODERS = ("text_encoder", "text_encoder_2")
_FAMILIES = {"sd1": "SD 1.x", "sd2": "SD 2.x", "sdxl": "SDXL", "sdxl-refiner": "the SDXL refiner"}
_BY_WIDTH = {(768,): "SD 1.x", (1024,): "SD 2.x", (768, 1280): "SDXL", (1280,): "SDXL's second text encoder"}
_ENDS = 2


class LoadEmbedding(Node, type="load-embedding", version=1):
    """Teach a model a word: a textual inversion (embedding), of diffusers, A1111 or for SDXL.

    Prompts use it by its word; with `weighting: comfy` as `embedding:WORD`. What does not use the word does not run
    again. The model's weights stay as they are, so that branches of a recipe share them.
    """

    outputs = {"model": "Model"}
    stored = False

    model: Input[Model]
    """The model, or one with other embeddings on it."""
    source: Place
    """File beside the recipe, folder, hub id (owner/name), https://…, civitai:VERSION or builtin:NAME."""
    file: str | None = Field(None, min_length=1)
    """File in the folder or repository, where there are several; what diffusers calls weight_name."""
    revision: str | None = None
    """Branch, tag or commit of a hub repository."""
    subfolder: str | None = None
    """Folder inside the source."""
    sha256: str | None = None
    """What the file must have; needed for https://…"""
    token: str | None = Field(
        None, min_length=1, max_length=200, pattern=r"^[^\s\x00-\x1f](.*[^\s\x00-\x1f])?$"
    )
    """The word in prompts, whatever its case. Left out, it is what the file says, else the file's name."""

    @property
    def request(self) -> str:
        """The name of this request among the facts."""
        fields = (self.source, self.file, self.revision, self.subfolder, self.sha256)
        return canonical_json(["embedding", *fields]).decode()

    def needs(self) -> Iterator[Need]:
        """The file."""
        from sdflow.models.request import AdapterRequest

        yield AdapterNeed(
            self.request,
            AdapterRequest("embedding", self.source, self.file, self.revision, self.subfolder, self.sha256),
        )

    def infer(self, facts: Facts, model: Model) -> Mapping[str, Model]:
        """The model with the word on each of its text encoders.

        Raises:
            Refusal: it is for another family, too long for a prompt, or its word is on the model already.
        """
        found = facts.adapter(self.request)
        word = self.token or found.token
        encoders = {role: model.components[role] for role in _ENCODERS if role in model.components}
        _refuse_other_family(model, encoders, found)
        parts = {
            role: self._on(component, word, found, found.vectors.get(role) or found.vectors[""])
            for role, component in encoders.items()
        }
        return {"model": model.with_components(parts)}

    def _on(
        self, component: Component, word: str, found: AdapterFacts, vectors: tuple[int, int]
    ) -> Component:
        if any(it.kind == "embedding" and it.token.lower() == word.lower() for it in component.adapters):
            hint = "give one of them another one: `token`"
            raise Refusal(f"the word `{word}` is on the model already", field="token", hint=hint)
        count = vectors[0]
        room = int(str(component.config.get("max_position_embeddings", 77))) - _ENDS
        if count > room:
            raise Refusal(
                f"it has {count} vectors, and a text encoder reads {room}", field="source", code="SDF333"
            )
        adapter = Adapter("embedding", found.file, found.location, token=word, vectors=count)
        return replace(component, adapters=(*component.adapters, adapter))


def _refuse_other_family(model: Model, encoders: Mapping[str, Component], found: AdapterFacts) -> None:
    widths = {role: int(str(component.config["hidden_size"])) for role, component in encoders.items()}
    if "" in found.vectors:
        fits = [found.vectors[""][1]] == list(widths.values())
    else:
        told = {role: width for role, (_, width) in found.vectors.items()}
        fits = widths.items() <= told.items() and ("text_encoder_2" in widths or "text_encoder_2" not in told)
    if fits:
        return
    theirs = tuple(width for _, width in found.vectors.values())
    ours = _FAMILIES.get(model.family, "another one")
    listed = [" and ".join(str(width) for width in it) for it in (theirs, tuple(widths.values()))]
    message = f"its vectors are {listed[0]} wide, those of the model {listed[1]}"
    if theirs in _BY_WIDTH and _BY_WIDTH[theirs] != ours:
        message = f"this embedding is for {_BY_WIDTH[theirs]}, the model is {ours}: {message}"
    raise Refusal(message, field="source", code="SDF333")
