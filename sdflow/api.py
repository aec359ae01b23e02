"""sdflow in Python: the same recipes, plan and engine as the command line, for notebooks and programs."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from sdflow.composing import compose_file
from sdflow.composition import Composition, Json, Ref
from sdflow.engine.events import Event, Listener
from sdflow.engine.results import Results
from sdflow.problems import NodeFailedError
from sdflow.recipe import Changes
from sdflow.values import Image, StoredValue
from sdflow.wishes import Wishes
from sdflow.workflow import Prepared, RunResult, Session, Settings

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def load(
    path: str | Path,
    *,
    device: str = "auto",
    cache: str | Path | None = None,
    profile: str | Path | None = None,
) -> "Loaded":
    """A recipe, ready to run; models stay loaded between its runs.

    Args:
        path: a YAML recipe, or a picture that sdflow made.
        device: `auto`, `cuda`, `cuda:1`, `mps` or `cpu`.
        cache: where results are kept; by default `SDFLOW_CACHE` or the user's cache folder.

        profile: how to use memory and time: `low-vram`, `balanced`, `fast`, or a file; by default `SDFLOW_PROFILE`.

    Raises:
        sdflow.problems.UserError: the recipe cannot be read.
    """
    settings = Settings(
        device=device,
        profile=None if profile is None else str(profile),
        cache=None if cache is None else Path(cache),
        environ=dict(os.environ),
    )
    return Loaded(Path(path), Session(settings))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A recipe with a session of its own."""

    path: Path
    session: Session

    def plan(self, **params: Json) -> Prepared:
        """What a run with these parameters would do. Nothing is computed."""
        return self.session.prepare(self._compose(params))

    def run(
        self,
        *,
        out: str | Path | None = None,
        to: Sequence[str] = (),
        listener: Listener | None = None,
        **params: Json,
    ) -> "Run":
        """Run with these parameters; only what changed is computed.

        Args:
            out: folder for the recipe's output files; by default none are written.
            to: nodes to run up to, in place of the recipe's outputs.
            listener: is told every event, in whatever thread it happens.
            params: values for the recipe's parameters.

        Raises:
            sdflow.problems.UserError: the recipe or a parameter is wrong.
            sdflow.problems.NodeFailedError: a node could not be run.
        """
        failures: dict[str, str] = {}

        def listen(event: Event) -> None:
            if event.name == "node-failed":
                fields = event.to_json()
                failures[str(fields["node"])] = f"{fields['where']}: {fields['node']}: {fields['message']}"
            if listener is not None:
                listener(event)

        result = self.session.run(
            self._compose(params),
            Wishes(to=tuple(to)),
            out=None if out is None else Path(out),
            listener=listen,
        )
        if result.failed:
            raise NodeFailedError("\n".join(failures.values()))
        if result.outcome.interrupted:
            raise KeyboardInterrupt
        return Run(result, self.session.results)

    def events(self, *, out: str | Path | None = None, **params: Json) -> Iterator[Event]:
        """Run in a thread and give the events as they happen; what `run` would raise is raised at the end.

        Leaving the loop early stops the run after its current step.
        """
        queue: SimpleQueue[Event | None] = SimpleQueue()
        raised: list[BaseException] = []

        def work() -> None:
            try:
                arguments: dict[str, Any] = dict(params)
                self.run(out=out, listener=queue.put, **arguments)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that reads the events
                raised.append(error)
            finally:
                queue.put(None)

        thread = Thread(target=work, name="sdflow-run")
        thread.start()
        try:
            while (event := queue.get()) is not None:
                yield event
        finally:
            # Asked to stop before it has begun, a run stops as soon as it begins.
            self.session.stop.set()
            thread.join()
            self.session.stop.clear()
        if raised:
            raise raised[0]

    def _compose(self, params: Mapping[str, Json]) -> Composition:
        return compose_file(self.path, Changes(values=params), self.session.registry)


@dataclass(frozen=True, slots=True)
class Pictures(Sequence["Picture"]):
    """A batch of pictures, shown side by side by a notebook."""

    image: Image

    def __len__(self) -> int:
        return int(self.image.pixels.shape[0])

    def __getitem__(self, index: int) -> "Picture":  # type: ignore[override]  # one picture at a time
        from sdflow.pictures.pil import to_pil

        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return to_pil(self.image, index % len(self))

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the picture, or all of a batch in one row."""
        import numpy as np

        from sdflow.pictures.write import encode

        row = np.concatenate(list(self.image.pixels), axis=1)[None]
        return encode(Image(row), "PNG")


@dataclass(frozen=True, slots=True)
class Run:
    """What a run made. Values are read when they are asked for."""

    result: RunResult
    results: Results

    @property
    def files(self) -> Mapping[str, Path]:
        """The output files, by their path in the recipe."""
        return self.result.files

    @property
    def withheld(self) -> Mapping[str, str]:
        """The output files that were not written, each with the node that flagged what it would show."""
        return self.result.withheld

    @property
    def images(self) -> Mapping[str, Pictures]:
        """Pictures by the name of the node whose first picture output they are; only those that are kept."""
        return {
            name: Pictures(value)
            for name in (*self.result.prepared.graph.node_names(), *self.result.prepared.composition.ports)
            if isinstance(value := self._first_picture(name), Image)
        }

    def value(self, node: str, port: str | None = None, *, cell: str = "") -> StoredValue:
        """The value on an output port of a node, or of a recipe that is one; by default on its first.

        Raises:
            KeyError: there is no such node, cell or port in this run.
        """
        plan, found = self.result.prepared.plan, self.result.prepared.composition.port(node, port)
        number = plan.graph.names[cell, found.node]
        ports = plan.graph.nodes[number].node.outputs
        return self.results.value(plan.keys[number].key, found.port or next(iter(ports)))

    def _first_picture(self, name: str) -> StoredValue | None:
        """The first picture of a node, or of the recipe that it stands for; None where none is kept."""
        composition = self.result.prepared.composition
        refs = composition.ports[name].values() if name in composition.ports else (Ref(name),)
        return next((value for ref in refs if (value := self._picture(ref)) is not None), None)

    def _picture(self, ref: Ref) -> StoredValue | None:
        plan = self.result.prepared.plan
        number = plan.graph.named(ref.node)[0]
        kinds = plan.graph.nodes[number].node.outputs
        ports = [port for port, kind in kinds.items() if kind == Image.kind and ref.port in (None, port)]
        if not ports or number not in plan.keys or self.results.find(plan.keys[number].key) is None:
            return None
        return self.results.value(plan.keys[number].key, ports[0])
