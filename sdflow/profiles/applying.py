"""What a profile does to a graph: fields of nodes that save memory, and components that are loaded in another way.

Whatever can move a pixel ends up in a field or in the description of a component, and so in keys; budgets and
offloading are told to the pool alone and are in none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sdflow.device import Device
from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.infer import Inferred, planned_inputs
from sdflow.graph.node import Node, PlannedValue
from sdflow.profiles.profile import Chosen, Profile
from sdflow.values import Component, Model

_CONVOLUTIONAL = frozenset({"unet", "vae"})

_CALLED = {"init-latent-from-image": "encode"}
"""Node types that settings call otherwise."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A graph under a profile, and what that changed: names of fields by the number of their node."""

    chosen: Chosen
    graph: Graph
    inferred: Inferred
    fields: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def applied(chosen: Chosen, graph: Graph, inferred: Inferred, device: Device) -> Applied:
    """The graph and what is known of it, as the profile has them."""
    profile = chosen.profile
    models = {number: _prepared_ports(ports, profile) for number, ports in inferred.items()}
    exchanged: dict[int, Node] = {}
    fields: dict[int, tuple[str, ...]] = {}
    for item in graph.nodes:
        names = turned_on(item, profile, inferred, device) if item.id in inferred else ()
        if names:
            fields[item.id] = names
            exchanged[item.id] = item.node.model_copy(update=dict.fromkeys(names, True))
    return Applied(chosen, graph.with_nodes(exchanged) if exchanged else graph, models, fields)


def turned_on(item: GraphNode, profile: Profile, inferred: Inferred, device: Device) -> tuple[str, ...]:
    """The saving fields of a node that the profile turns on; one that the recipe sets stays as it is there."""
    node, on = item.node, list[str]()
    for name in node.savings:
        when = getattr(profile, f"{_CALLED.get(node.name, node.name)}_{name}", "never")
        if when == "never" or name in item.node.model_fields_set:
            continue
        inputs = planned_inputs(item, inferred)
        if not node.saves(name, **inputs) or (when == "auto" and _fits(node, inputs, device)):
            continue
        on.append(name)
        node = node.model_copy(update={name: True})
    return tuple(on)


def _fits(node: Node, inputs: Mapping[str, Any], device: Device) -> bool:
    """Whether a node fits into the device's memory, by its estimate, alone with the components that it uses."""
    models = [value for value in inputs.values() if isinstance(value, Model)]
    parts = {
        it.digest: it for model in models for it in map(model.components.get, node.components(model)) if it
    }
    weights = sum(part.bytes_as_loaded for part in parts.values())
    return weights + node.cost(**inputs).activations <= device.memory_bytes


def _prepared_ports(ports: Mapping[str, PlannedValue], profile: Profile) -> Mapping[str, PlannedValue]:
    return {
        port: prepared(value, profile) if isinstance(value, Model) else value for port, value in ports.items()
    }


def prepared(model: Model, profile: Profile) -> Model:
    """A model whose components are loaded as the profile wants them."""
    words = {role: words_of(part, profile) for role, part in model.components.items()}
    parts = {role: _prepared_part(model.components[role], it) for role, it in words.items() if it}
    return model.with_components(parts) if parts else model


def _prepared_part(part: Component, words: tuple[str, ...]) -> Component:
    size = part.parameters if "float8-storage" in words else part.bytes_as_loaded
    return replace(part, prepared=words, bytes_as_loaded=size)


def group_of(part: Component, profile: Profile, device: Device) -> Literal["", "block", "leaf"]:
    """What a group is, of a component that stays in host memory and comes to the GPU by groups; empty for others."""
    if device.type != "cuda" or part.role != "unet" or profile.group_offload == "never":
        return ""
    if profile.group_offload == "auto":
        share = profile.weights_on_device or Profile().weights_on_device
        return "leaf" if part.bytes_as_loaded > device.memory_bytes * share else ""
    return profile.group_offload


def words_of(part: Component, profile: Profile) -> tuple[str, ...]:
    """What is done to a component once it is loaded, in the order in which it is done.

    LoRAs change query, key and value each for itself, and would not be felt in a matrix that was fused before; and
    compiled blocks would be compiled again for each set of them.
    """
    unet = part.role == "unet"
    asked = {
        "fused-qkv": profile.fused_qkv and unet and not part.loras,
        "channels-last": profile.channels_last and part.role in _CONVOLUTIONAL,
        "int8-weights": profile.int8_weights and unet,
        "float8-storage": profile.float8_storage and unet,
        "compiled": profile.compile and unet and not part.loras,
    }
    return tuple(word for word, wanted in asked.items() if wanted)
