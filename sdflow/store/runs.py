"""The index of runs: which key each node of a recipe had last time. Losing it loses reasons, nothing else."""

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from sdflow.store.files import read_small, write_whole
from sdflow.store.layout import Layout

Keys: TypeAlias = Mapping[tuple[str, str], str]
"""(cell label, node name) → key."""

MOST_ENTRIES = 50_000
"""Per recipe; the cells remembered longest ago go first."""


@dataclass(frozen=True, slots=True)
class RunIndex:
    """One small file per recipe, replaced as a whole: concurrent writers lose at most reasons."""

    layout: Layout

    def previous(self, identity: str) -> Keys:
        """The last key of each node of a recipe; empty when it never ran."""
        try:
            data = json.loads(read_small(self._file(identity)))
            if data["identity"] != identity:
                return {}
            return {
                (str(cell), str(node)): str(key)
                for cell, nodes in data["cells"].items()
                for node, key in nodes.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}

    def remember(self, identity: str, keys: Keys) -> None:
        """Note the keys of a run; nodes that were no part of it keep theirs. A full disk is no matter."""
        merged = dict(self.previous(identity))
        for place, key in keys.items():
            merged.pop(place, None)  # so that what was remembered last stands last
            merged[place] = key
        cells: dict[str, dict[str, str]] = {}
        for (cell, node), key in islice(merged.items(), max(0, len(merged) - MOST_ENTRIES), None):
            cells.setdefault(cell, {})[node] = key
        text = json.dumps({"identity": identity, "when": time.time(), "cells": cells}, separators=(",", ":"))
        with suppress(OSError):
            write_whole(self._file(identity), [text.encode()], self.layout.temporary, durable=False)

    def of_node(self, identity: str, node: str) -> Mapping[str, str]:
        """Cell label → last key of one node, for `sdflow show` and `sdflow explain`."""
        return {cell: key for (cell, name), key in self.previous(identity).items() if name == node}

    def _file(self, identity: str) -> str:
        return self.layout.run_index(hashlib.sha256(identity.encode()).hexdigest())
