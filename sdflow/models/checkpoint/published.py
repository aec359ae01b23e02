"""The configurations of the published models of each family, which come with sdflow."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import cast

from sdflow.composition import Json

_SHIPPED = Path(__file__).parent.parent / "shipped"
FAMILIES = _SHIPPED / "families"
"""One file for each family, as its owner has published it on the hub; `published` in it says where."""
TOKENIZER = _SHIPPED / "clip-tokenizer"
"""CLIP's vocabulary, which all of the families share; they differ in the word that fills up a prompt."""


@cache
def family(name: str) -> Mapping[str, Mapping[str, Json]]:
    """All of a family's configurations by role, and its `model_index`."""
    content = json.loads((FAMILIES / f"{name}.json").read_text(encoding="utf-8"))
    return cast(
        "Mapping[str, Mapping[str, Json]]", {key: it for key, it in content.items() if key != "published"}
    )


def published(name: str, role: str) -> Mapping[str, Json]:
    """The configuration of one component of a family."""
    return family(name)[role]
