"""`apply-lora`: a style, a character or a few-step sampler, laid on a model."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import AdapterNeed, Facts
from sdflow.graph.fields import Place
from sdflow.graph.node import Need, Node, Refusal
from sdflow.graph.wire import Input
from sdflow.values import FAMILIES, Adapter, AdapterFacts, Component, Model, canonical_json

_Role = Literal["unet", "text_encoder", "text_encoder_2"]
_ROLES: tuple[_Role, ...] = ("unet", "text_encoder", "text_encoder_2")

_MOST = 100
"""The strongest weight; what is used lies between -2 and 2."""


class ApplyLora(Node, type="apply-lora", version=1):
    """Lay a LoRA on a model: LoRA, LoCon, DoRA, LoHa or LoKr. For several, apply one after the other.

    The weights of the model stay as they are, so that branches of a recipe share them. Which parts
    are changed follows from the weights declared here, not from what is in the file: what uses only parts with weight
    0 does not run again. For a LoRA of the UNet alone, `text-encoder: 0` leaves the prompts as they are.
    """

    outputs = {"model": "Model"}
    stored = False

    model: Input[Model]
    """The model, or one with other LoRAs on it: their order counts."""
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
    weight: float = Field(1.0, ge=-_MOST, le=_MOST)
    """How strongly it counts: 0 is not at all, 1 as trained, negative the other way."""
    unet: float | None = Field(None, ge=-_MOST, le=_MOST)
    """Another weight for the UNet."""
    text_encoder: float | None = Field(None, ge=-_MOST, le=_MOST)
    """Another weight for the text encoder."""
    text_encoder_2: float | None = Field(None, ge=-_MOST, le=_MOST)
    """Another weight for SDXL's second text encoder."""

    @property
    def token(self) -> str:
        """The name of this request among the facts."""
        fields = (self.source, self.file, self.revision, self.subfolder, self.sha256)
        return canonical_json(["lora", *fields]).decode()

    def needs(self) -> Iterator[Need]:
        """The file."""
        from sdflow.models.request import AdapterRequest

        yield AdapterNeed(
            self.token,
            AdapterRequest("lora", self.source, self.file, self.revision, self.subfolder, self.sha256),
        )

    def weight_of(self, role: _Role) -> float:
        """How strongly it counts for a component."""
        own: float | None = getattr(self, role)
        return self.weight if own is None else own

    def infer(self, facts: Facts, model: Model) -> Mapping[str, Model]:
        """The model with the LoRA on the components that it has a weight for.

        Raises:
            Refusal: it is for another family, on the model already, or weighted for a part that the model lacks.
        """
        lora = facts.adapter(self.token)
        self._refuse_unused(model, lora)
        _refuse_other_family(model, lora)
        _refuse_nothing(model, lora)
        parts: dict[str, Component] = {
            role: self._on(component, lora, self.weight_of(role))
            for role in _ROLES
            if (component := model.components.get(role)) is not None and self.weight_of(role)
        }
        return {"model": model.with_components(parts)}

    def _on(self, component: Component, lora: AdapterFacts, weight: float) -> Component:
        if any(there.file.digest == lora.file.digest for there in component.loras):
            hint = "give one of them the weights of both together"
            raise Refusal("this LoRA is on the model already", field="source", code="SDF214", hint=hint)
        adapter = Adapter("lora", lora.file, lora.location, weight)
        return replace(component, adapters=(*component.adapters, adapter))

    def _refuse_unused(self, model: Model, lora: AdapterFacts) -> None:
        """Refuse a weight for a part that is not there; one of 0 does no harm where the LoRA has nothing for it."""
        for role in _ROLES:
            weight = getattr(self, role)
            name = f"{'second ' if role.endswith('2') else ''}{role.removesuffix('_2').replace('_', ' ')}"
            if weight is not None and role not in model.components:
                raise Refusal(f"the model has no {name}", field=role, code="SDF214")
            if weight and lora.roles is not None and role not in lora.roles:
                raise Refusal(f"this LoRA changes nothing in the {name}", field=role, code="SDF214")


def _refuse_other_family(model: Model, lora: AdapterFacts) -> None:
    takes = model.components["unet"].config.get("cross_attention_dim")
    width = takes[0] if isinstance(takes, list) and takes else takes
    known = lora.context and isinstance(width, int)
    if width == lora.context if known else lora.family in {"", model.family}:
        return
    message = f"this LoRA is for a UNet that takes text of width {lora.context}; the model's takes {width}"
    if lora.family:
        ours = FAMILIES.get(model.family)
        message = f"this LoRA is for {FAMILIES[lora.family]}, the model is {ours or 'another one'}"
    raise Refusal(message, field="source", code="SDF331")


def _refuse_nothing(model: Model, lora: AdapterFacts) -> None:
    """Refuse a LoRA that is for parts alone which this model has not."""
    if lora.roles is None or lora.roles & model.components.keys():
        return
    roles = " and ".join(role.replace("_", " ") for role in sorted(lora.roles))
    message = f"this LoRA changes nothing in the model: it is for the {roles}, which the model lacks"
    raise Refusal(message, field="source", code="SDF331")
