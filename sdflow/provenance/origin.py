"""The origin of a picture: everything that making it again takes, carried by the picture itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sdflow.composition import Json
from sdflow.pictures.texts import PARAMETERS, RECORD, texts_of
from sdflow.problems import problem
from sdflow.provenance.foreign import foreign_origin

FORMAT = 1
"""Version of the record's form; a reader refuses newer ones."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How one picture was made.

    recipe: the resolved recipe.
    params: the values of its parameters in this cell.
    cell: the cell's label, empty without a matrix.
    node, index: the node whose picture this is, and the picture's place in its batch.
    seeds: the seeds as used, also where the recipe says `random`.
    models: node name → source, revision and digests.
    inputs: input file, as the recipe names it → digest with its algorithm (`sha256:…`).
    versions: package → version.
    numerics: device, dtype, threads and the policies that change bits.
    """

    recipe: Json
    params: Mapping[str, Json] = field(default_factory=dict)
    cell: str = ""
    node: str = ""
    index: int = 0
    seeds: tuple[int, ...] = ()
    models: Mapping[str, Json] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    numerics: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of ASCII, which no program on the way can garble; equal origins give equal texts."""
        record: dict[str, Json] = {
            "sdflow": FORMAT,
            "recipe": self.recipe,
            "params": dict(self.params),
            "cell": self.cell,
            "node": self.node,
            "index": self.index,
            "seeds": list(self.seeds),
            "models": dict(self.models),
            "inputs": dict(self.inputs),
            "versions": dict(self.versions),
            "numerics": dict(self.numerics),
        }
        return json.dumps(record, separators=(",", ":"), allow_nan=False)

    def texts(self, parameters: str = "") -> dict[str, str]:
        """What to hand to `pictures.write`: this record and, unless empty, an A1111-compatible text."""
        return ({PARAMETERS: parameters} if parameters else {}) | {RECORD: self.to_json()}

    @classmethod
    def from_json(cls, text: str, *, file: str = "the picture") -> "Origin":
        """The origin that `to_json` wrote; keys that it does not know are passed over.

        Raises:
            UserError: SDF352, the text is not such a record; SDF353, a newer sdflow wrote it.
        """
        try:
            record = json.loads(text)
            version = int(record["sdflow"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise problem("SDF352", f"the recipe in {file} is damaged: {error}") from error
        if version > FORMAT:
            message = f"{file} was made by a newer sdflow (record {version}, this one reads {FORMAT})"
            raise problem("SDF353", message, hint="upgrade sdflow")
        return _origin(record, file)


def read_origin(path: Path) -> Origin:
    """The origin that a PNG, JPEG or WebP carries, read without decoding the picture.

    Raises:
        UserError: SDF351, it carries none (and what it has instead); SDF352, SDF353; SDF341, SDF342, SDF346,
            the file cannot be read.
    """
    texts = texts_of(path)
    if RECORD in texts:
        return Origin.from_json(texts[RECORD], file=str(path))
    found = foreign_origin(texts)
    if found is None:
        hint = "it was written with --no-metadata, or its metadata was stripped on the way"
        raise problem("SDF351", f"{path} does not say how it was made", hint=hint)
    raise problem("SDF351", f"{path} holds {found}, but no recipe of sdflow")


def _origin(record: Mapping[str, Json], file: str) -> Origin:
    def part(name: str, kind: type, empty: Json) -> Json:
        value = record.get(name, empty)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise problem("SDF352", f"the recipe in {file} is damaged: its {name} is no {kind.__name__}")
        return value

    if "recipe" not in record:
        raise problem("SDF352", f"the recipe in {file} is damaged: there is none in its record")
    return Origin(
        recipe=record["recipe"],
        params=cast("dict[str, Json]", part("params", dict, {})),
        cell=cast("str", part("cell", str, "")),
        node=cast("str", part("node", str, "")),
        index=cast("int", part("index", int, 0)),
        seeds=tuple(seed for seed in cast("list[Json]", part("seeds", list, [])) if isinstance(seed, int)),
        models=cast("dict[str, Json]", part("models", dict, {})),
        inputs=cast("dict[str, str]", part("inputs", dict, {})),
        versions=cast("dict[str, str]", part("versions", dict, {})),
        numerics=cast("dict[str, Json]", part("numerics", dict, {})),
    )
