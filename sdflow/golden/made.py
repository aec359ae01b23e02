"""What a recipe makes here and now, output by output."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sdflow.composition import Composition, Json
from sdflow.engine.environment import environment
from sdflow.engine.events import Listener
from sdflow.golden.frames import Frames, frames_of
from sdflow.golden.numerics import numerics_of, precision_of
from sdflow.graph.chance import drawn
from sdflow.graph.outputs import file_name
from sdflow.problems import UserError, problem
from sdflow.provenance.withheld import Withheld
from sdflow.store import LostValueError
from sdflow.values import Image, ImageSpec, Mask, MaskSpec, StoredValue
from sdflow.wishes import Wishes
from sdflow.workflow import Prepared, RunResult, Session


@dataclass(frozen=True, slots=True)
class Made:
    """One output file: its name, the digest of what is written there, its precision, and what there is to see.

    `frames` are None of what is no picture, and of what a node withholds.
    """

    path: str
    digest: str
    precision: str
    frames: "Frames | None" = field(repr=False)


def run(session: Session, composition: Composition, listener: Listener) -> RunResult:
    """Run a recipe. Kept results count where they were made by these versions on such a device; else all of it runs.

    Raises:
        UserError: SDF765, it leaves something to chance; or everything that is wrong with it.
    """
    prepared = session.prepare(composition)
    if chance := drawn(prepared.plan):
        names = ", ".join(sorted(chance))
        hint = "give it a seed: with -p or -s, for the golden alone"
        raise problem("SDF765", f"{composition.file} makes another picture each time: {names}", hint=hint)
    wishes = Wishes(refresh=_made_elsewhere(session, prepared))
    return session.run(composition, wishes, listener=listener)


def made(session: Session, result: RunResult) -> Iterator[Made]:
    """The outputs of a run, each when it is asked for.

    Raises:
        UserError: a result is gone again.
    """
    plan = result.prepared.plan
    withheld = Withheld(plan, session.results.value)
    for output in plan.outputs:
        planned = plan.inferred[output.wire.node][output.wire.port]
        precision = precision_of(plan, output.wire.node)
        try:
            value = session.results.value(plan.keys[output.wire.node].key, output.wire.port)
            for index in range(planned.batch if isinstance(planned, ImageSpec | MaskSpec) else 1):
                frames = None if withheld.by(output, index) else frames_of(value, index)
                yield Made(file_name(output.path, index), _digest(value, index), precision, frames)
        except LostValueError as lost:
            raise UserError(lost.problem) from lost


def _made_elsewhere(session: Session, prepared: Prepared) -> bool:
    """Whether a kept result, or one that it was made from, was made by other versions or on another device."""
    now = _maker(environment(session.device))
    for planned in prepared.plan.nodes.values():
        if planned.keyed is None or planned.status == "run":
            continue
        record = session.store.peek(planned.key)
        if record is None or _maker(record.environment) != now:
            return True
    return False


def _maker(made_in: Json) -> object:
    known = made_in if isinstance(made_in, dict) else {}
    return numerics_of(known), known.get("versions")


def _digest(value: StoredValue, index: int) -> str:
    """`sha256:…` of the pixels of one item with their shape, or of all of another value."""
    if isinstance(value, Image | Mask):
        pixels: Any = value.pixels[index]
        content = f"{pixels.dtype} {pixels.shape}\n".encode() + pixels.tobytes()
    else:
        content = value.encode().to_bytes()
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
