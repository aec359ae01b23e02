"""The base class of all node types: one frozen pydantic class is schema, documentation, key and code."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict

from sdflow.composition import Json
from sdflow.device import Device
from sdflow.graph.facts import AdapterNeed, ComponentNeed, FileNeed, ModelNeed
from sdflow.graph.field_kinds import (
    Path,
    file_fields,
    parts_json,
    plain_fields,
    to_json,
    wired_fields,
    wires_in,
)
from sdflow.graph.part import kebab
from sdflow.graph.wire import Wire
from sdflow.values import Loadable, Spec, State, TrajectorySpec

PlannedValue: TypeAlias = "Spec | Loadable"
Need: TypeAlias = "FileNeed | ModelNeed | AdapterNeed | ComponentNeed"


class Refusal(Exception):  # noqa: N818 - not a failure of the program: a node says no to its inputs
    """A node cannot do what it is asked; `field` is the one to point at in the recipe, or the path to it."""

    def __init__(
        self, message: str, *, field: str | Path | None = None, code: str = "SDF211", hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.field = field
        self.code = code
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Cost:
    """What running a node takes, from configurations and headers alone.

    `work` is proportional to its time (the unit is the node type's own), `activations` the bytes that it needs
    beside the weights of its components.
    """

    work: float = 1.0
    activations: int = 0


class States(Protocol):
    """The trajectory of a running denoise: states that are there already, and a place for new ones."""

    @property
    def wanted(self) -> frozenset[int]:
        """Steps whose states somebody asked for and that are not kept yet."""

    @property
    def last_needed(self) -> int | None:
        """The step after which nothing is needed any more; None when the result itself is needed."""

    def latest(self, at_most: int, at_least: int) -> State | None:
        """The kept state with the highest step in this range."""

    def due(self) -> bool:
        """Whether it is time to keep a state to go on from, should the run be killed."""

    def keep(self, state: State, *, lasting: bool = False) -> None:
        """Keep a state under its step; unless it was asked for or is `lasting`, until the node is done."""


class RunContext(Protocol):
    """What a node may use while it runs."""

    @property
    def device(self) -> Device:
        """Where to compute."""

    @property
    def states(self) -> States:
        """The trajectory, for a node type that has one."""

    def module(self, model: Loadable, role: str) -> AbstractContextManager[Any]:
        """A component as a loaded module, resident while the context is open."""

    def file(self, path: str) -> str:
        """The absolute path of an input file."""

    def progress(self, done: int, total: int) -> None:
        """Say how far the node is.

        Raises:
            KeyboardInterrupt: the user wants to stop.
        """


class Node(BaseModel):
    """A node type. Its fields are its pydantic fields, written with hyphens in recipes.

    Class facts:
        name, version: `type:` in a recipe, and the number to raise when results change.
        outputs: output ports and their kinds; the first is what `$node` means.
        lane: `device` nodes run one after the other where the models are, `host` nodes beside them.
        numeric: whether the device's arithmetic is in the result, so that its numerics class is in the key.
        stored: whether results are kept; a model is not, for it is described in full while planning.
        open_ended: fields that only say where a trajectory ends.
        savings: fields, false by default, that save memory and move pixels slightly; profiles turn them on in this
            order.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=kebab,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    name: ClassVar[str] = ""
    version: ClassVar[int] = 0
    outputs: ClassVar[Mapping[str, str]] = {}
    lane: ClassVar[Literal["device", "host"]] = "host"
    numeric: ClassVar[bool] = False
    stored: ClassVar[bool] = True
    open_ended: ClassVar[frozenset[str]] = frozenset()
    savings: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, type: str = "", version: int = 0, **kwargs: Any) -> None:  # noqa: A002 - the recipe's word
        super().__init_subclass__(**kwargs)
        cls.name = type
        cls.version = version

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Swallow the class keywords that `__init_subclass__` has taken."""

    @property
    def withholds(self) -> str | None:
        """The output port with a mask for each item, white where no file may be written that shows the item."""
        return None

    def wires(self) -> Iterator[tuple[Path, Wire]]:
        """Every input with the path of its field, in the order of the fields."""
        for name in wired_fields(type(self)):
            value = getattr(self, name)
            if isinstance(value, Wire):  # most of them; no generator inside a generator for these
                yield (name,), value
            else:
                yield from wires_in((name,), value)

    def needs(self) -> Iterator[Need]:
        """Files and models that planning has to read up on."""
        for name, mark in file_fields(type(self)):
            value = getattr(self, name)
            if value is not None:
                yield FileNeed((name,), value, mark.content)

    def components(self, model: Any) -> frozenset[str]:
        """Roles of a model's components that are loaded to run this node, and that its result depends on.

        Asked for every `Loadable` on the node's inputs; roles that it does not have count for nothing.
        """
        return frozenset()

    def described(self, model: Any) -> Json:
        """What of a model, or another `Loadable`, on an input goes into the key; by default the components used."""
        described: Json = model.describe(self.components(model))
        return described

    def infer(self, *args: Any, **kwargs: Any) -> Mapping[str, PlannedValue]:
        """`infer(facts, **inputs)`: what comes out, from what goes in.

        Raises:
            Refusal: the inputs do not fit.
        """
        raise NotImplementedError

    def cost(self, *args: Any, **kwargs: Any) -> Cost:
        """`cost(**inputs)`: what running takes."""
        return Cost()

    def notes(self, *args: Any, **kwargs: Any) -> Mapping[str, Json]:
        """`notes(facts, **inputs)`: what a plan says of the node beside its shapes, by subject."""
        return {}

    def states_needed(self, trajectory: TrajectorySpec) -> Sequence[int]:
        """Which states of a trajectory on an input port this node reads."""
        return ()

    def saves(self, field: str, **inputs: Any) -> bool:
        """Whether one of the `savings` would do anything with these inputs, as they are known beforehand."""
        return not getattr(self, field)

    def frugal(self) -> "Node | None":
        """The same node computed with less memory, for a second try; None when there is no such way."""
        return None

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """`run(context, **inputs)`: the values that come out, by output port, or the only one."""
        raise NotImplementedError

    def key_fields(self, *, without: frozenset[str] = frozenset()) -> dict[str, Json]:
        """All plain fields with defaults filled in, as they go into the key; input files stay out.

        So do parts that are not there: a new kind of part changes no key of recipes without it.
        """
        plain = {
            kebab(name): to_json(getattr(self, name))
            for name in plain_fields(type(self))
            if name not in without
        }
        return plain | parts_json(self)
