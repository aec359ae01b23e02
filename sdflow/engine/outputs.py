"""Writes the output files of a plan: pictures with their origin inside, tensors as safetensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from sdflow.composition import Json
from sdflow.engine.events import Listener, OutputWithheld, OutputWritten
from sdflow.engine.results import Results
from sdflow.engine.written import WrittenFiles
from sdflow.graph.build import GraphOutput
from sdflow.graph.keys import Keyed
from sdflow.graph.outputs import file_name
from sdflow.graph.plan import Plan
from sdflow.values import (
    Animation,
    AnimationSpec,
    Image,
    ImageSpec,
    Mask,
    MaskSpec,
    StoredValue,
    digest_of_json,
)

Texts: TypeAlias = "Mapping[str, str]"


@dataclass(frozen=True, slots=True)
class OutputWriter:
    """Writes what a plan's outputs ask for.

    `texts` gives what a picture says of its making, from its output, its place in the batch, and the environment
    that its result was made in. `withheld` gives the node that flagged what such a picture shows; no file is written
    then, and one that an earlier run wrote under its name is removed.
    """

    plan: Plan
    folder: Path
    results: Results
    written: WrittenFiles
    listener: Listener
    texts: Callable[[GraphOutput, int, Mapping[str, Json]], Texts]
    withheld: Callable[[GraphOutput, int], str | None]
    paths: dict[str, Path] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def of_node(self, number: int, keys: Mapping[int, Keyed]) -> None:
        """Write all outputs of one node.

        Raises:
            LostValueError: its value is not kept any more.
            UserError: a file cannot be written.
        """
        for output in self.plan.outputs:
            if output.wire.node == number:
                self._write(output, keys[number].key)

    def _write(self, output: GraphOutput, key: str) -> None:
        planned = self.plan.inferred[output.wire.node][output.wire.port]
        record = self.results.find(key)
        environment = (
            record.environment if record is not None and isinstance(record.environment, dict) else {}
        )
        for index in range(planned.batch if isinstance(planned, ImageSpec | MaskSpec) else 1):
            relative = file_name(output.path, index)
            path = self.folder / relative
            by = self.withheld(output, index)
            if by is not None:
                self._withhold(output, relative, by)
                continue
            texts = (
                self.texts(output, index, environment)
                if isinstance(planned, ImageSpec | MaskSpec | AnimationSpec)
                else {}
            )
            digest = digest_of_json([key, output.wire.port, index, dict(texts)])
            fresh = not self.written.is_right(path, digest)
            if fresh:
                self._write_one(self.results.value(key, output.wire.port), index, path, texts)
                self.written.add(path, digest)
            self.paths[relative] = path
            self.listener(OutputWritten(str(path), self.plan.graph.nodes[output.wire.node].name, fresh))

    def _withhold(self, output: GraphOutput, relative: str, by: str) -> None:
        path = self.folder / relative
        if self.written.is_ours(path):
            path.unlink(missing_ok=True)
        self.missing[relative] = by
        self.listener(OutputWithheld(str(path), self.plan.graph.nodes[output.wire.node].name, by))

    def _write_one(self, value: StoredValue, index: int, path: Path, texts: Texts) -> None:
        from sdflow.pictures.animation import write_animation
        from sdflow.pictures.atomic import write_atomically
        from sdflow.pictures.mask import picture_of
        from sdflow.pictures.write import write

        if isinstance(value, Image | Mask):
            picture = picture_of(value) if isinstance(value, Mask) else value
            write(picture, path, index=index, texts=texts)
        elif isinstance(value, Animation):
            write_animation(value, path, texts)
        else:
            write_atomically(path, value.encode().to_bytes())
