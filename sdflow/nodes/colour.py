"""Colours as fields: whatever way one is written, the key holds `#rrggbbaa`."""

from typing import Annotated, TypeAlias

from pydantic import Field, WithJsonSchema

from sdflow.graph.fields import told


def _canonical(text: str) -> str:
    from sdflow.pictures.colour import parse_colour

    return "#" + bytes(parse_colour(text)).hex()


GivenColour: TypeAlias = Annotated[str, told(_canonical), WithJsonSchema({"type": "string"})]
"""A colour that is optional, or one of a list."""

Colour: TypeAlias = Annotated[
    str, Field(validate_default=True), told(_canonical), WithJsonSchema({"type": "string"})
]
"""A colour that has a default."""
