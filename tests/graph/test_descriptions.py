"""What the fields of node types are for, read from the classes' sources."""

from pydantic import Field

from sdflow.graph.descriptions import descriptions
from sdflow.graph.facts import Facts
from sdflow.graph.node import Node
from sdflow.values import ImageSpec


class Base(Node):
    """A family of node types."""

    first: int = 1
    """The first."""
    second: int = 2
    """The second,
    on two lines."""


class Told(Base, type="told", version=1):
    """One of them."""

    second: int = 3
    """Another second."""
    third: int = Field(3, description="Given.")
    """Not this."""
    fourth: int = 4

    def infer(self, facts: Facts) -> dict[str, ImageSpec]:
        return {}


def test_a_text_below_a_field_describes_it() -> None:
    assert descriptions(Base) == {"first": "The first.", "second": "The second,\non two lines."}


def test_fields_are_inherited_with_their_texts_and_given_descriptions_come_first() -> None:
    assert descriptions(Told) == {"first": "The first.", "second": "Another second.", "third": "Given."}


def test_a_class_without_a_source_has_no_texts() -> None:
    made = type("Made", (Base,), {"__module__": "nowhere"}, type="made", version=1)
    assert descriptions(made) == {"first": "The first.", "second": "The second,\non two lines."}
