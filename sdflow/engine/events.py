"""What happens while a plan is carried out. Plain data: the progress display, the JSON log and notebooks listen."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar, TypeAlias

from sdflow.composition import Json


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened; `name` is what the JSON log calls it."""

    name: ClassVar[str] = "event"

    def to_json(self) -> dict[str, Json]:
        """One line of the JSON log."""
        return {"event": self.name, **asdict(self)}


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A plan begins: how many nodes will run, and how many are kept already."""

    name: ClassVar[str] = "run-started"
    recipe: str
    run: int
    cached: int
    device: str


@dataclass(frozen=True, slots=True)
class SeedDrawn(Event):
    """The seed that was drawn where a recipe says `random`."""

    name: ClassVar[str] = "seed-drawn"
    node: str
    seed: Json


@dataclass(frozen=True, slots=True)
class NodeStarted(Event):
    """A node begins."""

    name: ClassVar[str] = "node-started"
    node: str
    type: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class NodeProgress(Event):
    """A node has done `done` of `total` steps."""

    name: ClassVar[str] = "node-progress"
    node: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class NodeFinished(Event):
    """A node is done. `peak_bytes` is the most memory that it held beside what was there, where that is known."""

    name: ClassVar[str] = "node-finished"
    node: str
    type: str
    key: str
    seconds: float
    peak_bytes: int | None


@dataclass(frozen=True, slots=True)
class NodeFailed(Event):
    """A node could not be run; `where` is its place in the recipe, `traceback` only there for what nobody expected."""

    name: ClassVar[str] = "node-failed"
    node: str
    type: str
    where: str
    message: str
    hint: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, slots=True)
class NodeSkipped(Event):
    """A node was not run, because one that feeds it failed or the run was stopped."""

    name: ClassVar[str] = "node-skipped"
    node: str
    because: str


@dataclass(frozen=True, slots=True)
class ModelMoved(Event):
    """A component was loaded, moved to host memory or dropped."""

    name: ClassVar[str] = "model-moved"
    component: str
    action: str
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Downloading(Event):
    """Bytes of a component that have arrived."""

    name: ClassVar[str] = "downloading"
    component: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class OutputWritten(Event):
    """An output file is there; `fresh` when it was written now, not found as it should be."""

    name: ClassVar[str] = "output-written"
    path: str
    node: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class OutputWithheld(Event):
    """An output file is not written, because it would show what the node `by` flagged."""

    name: ClassVar[str] = "output-withheld"
    path: str
    node: str
    by: str


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something is not as it should be, and the run goes on."""

    name: ClassVar[str] = "warning"
    message: str


@dataclass(frozen=True, slots=True)
class NodeDiffers(Event):
    """A node gave something else than before, with the same inputs: a second time in this run, or what was `kept`.

    `deviations` says for each port how far apart the two are, where both were there to be compared.
    """

    name: ClassVar[str] = "node-differs"
    node: str
    type: str
    key: str
    kept: bool
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The end: how many nodes ran, failed and were skipped, and the time it took.

    `differing` is how many nodes gave two results, where each was computed twice.
    """

    name: ClassVar[str] = "run-finished"
    ran: int
    failed: int
    skipped: int
    seconds: float
    interrupted: bool
    differing: int | None = None


Listener: TypeAlias = Callable[[Event], None]
