"""The key of a result: the sha256 of everything that it depends on, and of nothing else.

A key's preimage is canonical JSON of the node's type and version, its plain fields with defaults filled in, the
digests of files that it reads, the keys of what feeds it (for a model: the description of the components that are
used, for a trajectory: its key and the states that are read), and the numerics class. Names, order and
descriptions of nodes are not in it. Keys are made from the keys of parents, so that a graph of any depth takes time
proportional to its nodes and wires.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sdflow.composition import Json
from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.facts import Facts
from sdflow.graph.field_kinds import file_fields
from sdflow.graph.infer import Inferred
from sdflow.graph.node import Node
from sdflow.values import Loadable, TrajectorySpec, canonical_json, digest_of_json

KEY_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Keyed:
    """A node's key with what it was made of, as canonical JSON, and the key of its trajectory where it has one.

    As bytes, because a plan has many of these and reads few.
    """

    key: str
    canonical: bytes
    trajectory: str = ""

    @property
    def preimage(self) -> dict[str, Json]:
        """What the key was made of."""
        return cast("dict[str, Json]", json.loads(self.canonical))


def make_keys(graph: Graph, facts: Facts, inferred: Inferred) -> dict[int, Keyed]:
    """Keys of all nodes that were inferred and that are stored."""
    keys: dict[int, Keyed] = {}
    for item in graph.nodes:
        if item.id in inferred and item.node.stored:
            keys[item.id] = key_of(item, facts, inferred, keys)
    return keys


def key_of(item: GraphNode, facts: Facts, inferred: Inferred, keys: Mapping[int, Keyed]) -> Keyed:
    """The key of one node, from the keys of those that feed it."""
    node = item.node
    preimage: dict[str, Json] = {
        "sdflow": KEY_FORMAT,
        "node": node.name,
        "version": node.version,
        "fields": node.key_fields(),
        "inputs": {
            ".".join(map(str, path)).replace("_", "-"): _input(node, wire.node, wire.port, inferred, keys)
            for path, wire in item.inputs
        },
    }
    files = {
        name: facts.file(path).digest
        for name, _ in file_fields(type(node))
        if (path := getattr(node, name)) is not None
    }
    if files:
        preimage["files"] = dict(files)
    if node.numeric:
        preimage["numerics"] = {"device": facts.device.type}
    trajectory = ""
    if node.open_ended:
        way = {**preimage, "fields": node.key_fields(without=node.open_ended), "trajectory": True}
        trajectory = digest_of_json(way)
    canonical = canonical_json(preimage)
    return Keyed(hashlib.sha256(canonical).hexdigest(), canonical, trajectory)


def state_key(trajectory: str, step: int) -> str:
    """The key of one state of a trajectory."""
    return digest_of_json({"sdflow": KEY_FORMAT, "trajectory": trajectory, "step": step})


def _input(node: Node, source: int, port: str, inferred: Inferred, keys: Mapping[int, Keyed]) -> Json:
    planned = inferred[source][port]
    if isinstance(planned, Loadable):
        return {"model": node.described(planned)}
    if isinstance(planned, TrajectorySpec):
        return {"trajectory": keys[source].trajectory, "states": list(node.states_needed(planned))}
    return {"key": keys[source].key, "port": port}
