"""Every code that sdflow can answer with, in one table; `docs/errors.md` is made from it.

The hundreds are rooms: 1 the text and form of a recipe, 2 the graph, 3 models and input files,
4 diffusion, 5 the store, 6 devices and running, 7 the command line.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means, for a reader who meets it for the first time."""

    title: str
    explanation: str


CODES: dict[str, Code] = {
    # 2xx: the graph
    "SDF201": Code("unknown node type", "`type:` names no node type. `sdflow nodes` lists them all."),
    "SDF202": Code("unknown field", "The node type has no such field. `sdflow nodes TYPE` lists its fields."),
    "SDF203": Code("missing field", "A field without a default was left out."),
    "SDF204": Code("wrong value", "The value has the wrong type or lies outside its range."),
    "SDF205": Code("wrong kind", "An output of one kind was wired to an input of another kind."),
    "SDF206": Code("unknown node", "A reference names a node that the recipe does not have."),
    "SDF207": Code("unknown output", "A reference names an output that the node does not have."),
    "SDF208": Code("cycle", "Nodes wait for each other in a circle, so that none of them could ever start."),
    "SDF209": Code("not a port", "A field that takes a plain value was given the output of a node."),
    "SDF210": Code("reference needed", "An input takes the output of a node, written `$node`, and got something else."),
    "SDF211": Code("shapes do not fit", "Sizes, batches or spaces of the wired values do not fit each other."),
    "SDF212": Code("not an output file", "A value of this kind cannot be written under this file name."),
    "SDF213": Code("a batch needs {index}", "Several pictures cannot be written to one file name."),
    "SDF214": Code("fields exclude each other", "Two fields were given of which only one can hold."),
}
