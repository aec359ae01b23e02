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
    # 34x: input pictures
    "SDF341": Code("no such picture", "The file of an input picture does not exist, or is a folder."),
    "SDF342": Code("not a picture", "The file holds something else than a picture, whatever its name says."),
    "SDF343": Code("unsupported picture", "A picture of a kind that sdflow does not read. Save it as PNG, JPEG or WebP."),
    "SDF344": Code("damaged picture", "The file begins as a picture but cannot be read to its end."),
    "SDF345": Code("picture too large", "The picture has more pixels than sdflow takes; shrink it first."),
    "SDF346": Code("unreadable picture", "The system refused to read the file: mostly its permissions."),
    "SDF347": Code("impossible size", "A resize whose width, height, scale or fit name no possible size."),
    "SDF348": Code("impossible sheet", "Labels or columns of a contact sheet do not match its pictures."),
    "SDF349": Code("unknown colour", "A colour is `#rgb`, `#rrggbb`, `#rrggbbaa` or one of a few names."),
    "SDF351": Code("no origin", "The picture does not say how it was made, so it cannot be run again."),
    "SDF352": Code("damaged origin", "What the picture says about how it was made cannot be read."),
    "SDF353": Code("origin of a newer sdflow", "The picture was made by a newer sdflow than this one."),
    # 70x: output files
    "SDF701": Code("cannot write", "The system refused to write an output file: mostly the folder's permissions."),
    "SDF702": Code("disk full", "No space was left for an output file. Nothing half-written was left behind."),
    "SDF703": Code("unknown file name extension", "Pictures are written as .png, .jpg, .jpeg or .webp."),
    "SDF704": Code("picture does not fit its format", "JPEG and WebP have a largest width and height; PNG does not."),
    "SDF705": Code("wrong option for a format", "A setting such as quality is out of range or unknown to the file format."),
    "SDF706": Code("name in the way", "A folder stands where a file should go, or a file where a folder should."),
}
