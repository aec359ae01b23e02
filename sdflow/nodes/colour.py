"""Colours as fields: whatever way one is written, the key holds `#rrggbbaa`."""

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema


def _canonical(value: object) -> object:
    if not isinstance(value, str):
        return value
    from sdflow.pictures.colour import parse_colour

    return "#" + bytes(parse_colour(value)).hex()


Colour: TypeAlias = Annotated[
    str, Field(validate_default=True), BeforeValidator(_canonical), WithJsonSchema({"type": "string"})
]
