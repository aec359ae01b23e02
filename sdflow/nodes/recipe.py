"""`recipe`: another recipe as a node. It is never run: the nodes of the other recipe take its place."""

from typing import Any

from pydantic import Field

from sdflow.graph.node import Node


class Recipe(Node, type="recipe", version=1):
    """Another recipe as a node. What its outputs refer to are ports: of its `"x.png": $image`, `$portrait.image`."""

    stored = False

    path: str = Field(min_length=1)
    """The file of the other recipe, relative to this one."""
    params: dict[str, Any] = {}
    """Its params by name: plain values, params of this recipe, and outputs for those of a kind such as `image`."""
