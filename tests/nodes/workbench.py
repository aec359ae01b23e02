"""Recipes of real nodes at the smallest sizes, run and watched."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sdflow.composing import compose_file
from sdflow.composition import Composition
from sdflow.engine.events import Event, NodeStarted
from sdflow.recipe import Changes
from sdflow.wishes import Wishes
from sdflow.workflow import RunResult, Session, Settings

Nodes = dict[str, dict[str, Any]]


def text_to_image(model: Path | str) -> Nodes:
    """The plainest recipe: 32×32 pixels in two steps."""
    return {
        "model": {"type": "load-model", "source": str(model)},
        "text": {"type": "encode-prompt", "model": "$model", "prompt": "a red fox"},
        "noise": {"type": "init-latent", "model": "$model", "width": 32, "height": 32, "seed": 1},
        "sample": {
            "type": "denoise",
            "model": "$model",
            "conditioning": "$text",
            "latent": "$noise",
            "sampler": "euler",
            "steps": 2,
            "guidance": 3.0,
        },
        "image": {"type": "decode", "model": "$model", "latent": "$sample"},
    }


def edited(nodes: Nodes, edits: Mapping[str, Mapping[str, Any]]) -> Nodes:
    """The nodes with some fields changed; None takes a field away."""
    changed = copy.deepcopy(nodes)
    for name, fields in edits.items():
        for field, value in fields.items():
            changed[name][field] = value
            if value is None:
                del changed[name][field]
    return changed


class Workbench:
    """A folder with recipes, a cache and a session, and what the last run did."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.session = Session(Settings(device="cpu", cache=cache or folder / "cache"))
        self.events: list[Event] = []

    def write(self, nodes: Nodes, outputs: Mapping[str, str], name: str = "recipe", **more: Any) -> Path:
        """A recipe file."""
        path = self.folder / f"{name}.yaml"
        path.write_text(
            yaml.safe_dump({"sdflow": 1, "nodes": nodes, "outputs": dict(outputs), **more}, sort_keys=False)
        )
        return path

    def compose(self, path: Path, *params: str) -> Composition:
        """The composition of a recipe file."""
        return compose_file(path, Changes(params=params), self.session.registry)

    def run(
        self, nodes: Nodes, outputs: Mapping[str, str], wishes: Wishes | None = None, **more: Any
    ) -> RunResult:
        """Write a recipe and run it."""
        self.events = []
        composition = self.compose(self.write(nodes, outputs, **more))
        return self.session.run(composition, wishes, out=self.folder / "out", listener=self.events.append)

    def ran(self) -> set[str]:
        """Names of the nodes that ran last."""
        return {event.node for event in self.events if isinstance(event, NodeStarted)}

    def planned(self, nodes: Nodes, outputs: Mapping[str, str]) -> set[str]:
        """Names of the nodes that would run."""
        plan = self.session.prepare(self.compose(self.write(nodes, outputs))).plan
        return {plan.nodes[number].item.name for number in plan.order}

    def bytes_of(self, result: RunResult, node: str, port: str) -> bytes:
        """A kept value, as it is stored."""
        plan = result.prepared.plan
        key = plan.keys[plan.graph.names["", node]].key
        return self.session.results.value(key, port).encode().to_bytes()
