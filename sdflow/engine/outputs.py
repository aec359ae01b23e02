"""Writes the output files of a plan: pictures with their origin inside, tensors as safetensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sdflow.composition import Json
from sdflow.engine.events import Listener, OutputWritten
from sdflow.engine.results import Results
from sdflow.engine.written import WrittenFiles
from sdflow.graph.build import GraphOutput
from sdflow.graph.keys import Keyed
from sdflow.graph.outputs import TENSORS, file_name
from sdflow.graph.plan import Plan
from sdflow.values import Image, ImageSpec, digest_of_json

PictureWriter = Callable[[Image, int, Path, "Mapping[str, Json] | None"], None]


@dataclass(frozen=True, slots=True)
class OutputWriter:
    """Writes what a plan's outputs ask for.

    `origin` gives what a picture says of its making (None: nothing), `picture` writes one picture of a batch.
    """

    plan: Plan
    folder: Path
    results: Results
    written: WrittenFiles
    listener: Listener
    origin: Callable[[GraphOutput, Mapping[int, Keyed]], "Mapping[str, Json] | None"]
    picture: PictureWriter
    paths: dict[str, Path] = field(default_factory=dict)

    def of_node(self, number: int, keys: Mapping[int, Keyed]) -> None:
        """Write all outputs of one node.

        Raises:
            LostValueError: its value is not kept any more.
            UserError: a file cannot be written.
        """
        for output in self.plan.outputs:
            if output.wire.node == number:
                self._write(output, keys)

    def _write(self, output: GraphOutput, keys: Mapping[int, Keyed]) -> None:
        planned = self.plan.inferred[output.wire.node][output.wire.port]
        count = planned.batch if isinstance(planned, ImageSpec) else 1
        origin = self.origin(output, keys)
        name = self.plan.graph.nodes[output.wire.node].name
        key = keys[output.wire.node].key
        for index in range(count):
            relative = file_name(output.path, index)
            path = self.folder / relative
            content: Json = [key, output.wire.port, index, None if origin is None else dict(origin)]
            digest = digest_of_json(content)
            fresh = not self.written.is_right(path, digest)
            if fresh:
                self._write_one(output, keys, index, path, origin)
                self.written.add(path, digest)
            self.paths[relative] = path
            self.listener(OutputWritten(str(path), name, fresh))

    def _write_one(
        self,
        output: GraphOutput,
        keys: Mapping[int, Keyed],
        index: int,
        path: Path,
        origin: "Mapping[str, Json] | None",
    ) -> None:
        value = self.results.value(keys[output.wire.node].key, output.wire.port)
        if path.suffix.lower() == TENSORS:
            from sdflow.pictures.write import write_bytes

            write_bytes(path, value.encode().to_bytes())
        else:
            self.picture(cast("Image", value), index, path, origin)
