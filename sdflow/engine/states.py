"""The states of a running denoise: those that somebody asked for, and those that a killed run goes on from."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import cast

from sdflow.composition import Json
from sdflow.engine.results import Results
from sdflow.graph.keys import state_key
from sdflow.store import LostValueError
from sdflow.values import State

SAVE_EVERY = 5.0
"""Seconds between two states that a killed run goes on from, where nobody says otherwise."""
_MOST_SHARE = 0.01
"""Of the time of a run, for states that only serve to go on from."""


@dataclass(slots=True)
class Pace:
    """When to keep a state for the sake of going on: every so many seconds, and seldom enough to cost next to nothing.

    `seconds` is the time between two of them where keeping one is quick; `stop` asks for one at once.
    """

    seconds: float
    stop: Event
    clock: Callable[[], float] = time.monotonic
    _last: float | None = None
    _asked: float = 0.0
    _cost: float = 0.0

    def due(self) -> bool:
        """Whether a state is to be kept now; the time up to `kept` is what it costs."""
        now = self.clock()
        if self._last is None:
            self._last = now
            return self.seconds == 0
        self._asked = now
        return self.stop.is_set() or now - self._last >= self._interval()

    def _interval(self) -> float:
        return max(self.seconds, self._cost / _MOST_SHARE) if self.seconds else 0.0

    def kept(self, seconds: float) -> None:
        """A state was kept, which took so long."""
        self._last = self.clock()
        self._cost = max(self._cost, self._last - self._asked + seconds)


class NoStates:
    """No trajectory at all: nothing to go on from, and nothing is kept. For computing a node again from the start."""

    wanted: frozenset[int] = frozenset()
    last_needed: int | None = None

    def latest(self, at_most: int, at_least: int) -> State | None:  # noqa: ARG002 - as the protocol has it
        """Nothing is there."""
        return None

    def due(self) -> bool:
        """Nothing is kept."""
        return False

    def keep(self, state: State, *, lasting: bool = False) -> None:
        """Let it go."""


@dataclass(slots=True)
class StoredStates:
    """The trajectory of one denoise in the store."""

    results: Results
    trajectory: str
    wanted: frozenset[int]
    result_kept: bool
    ignore_kept: bool
    environment: Mapping[str, Json]
    write: Callable[[Callable[[], None]], None]
    pace: Pace
    _passing: list[str] = field(default_factory=list)
    _resumed: bool = False
    _range: range = range(0)

    @property
    def last_needed(self) -> int | None:
        """The step after which nothing is needed any more; None when the result itself is."""
        return max(self.wanted) if self.result_kept and self.wanted else None

    def latest(self, at_most: int, at_least: int) -> State | None:
        """The kept state with the highest step in this range."""
        if self.ignore_kept:
            return None
        self._range = range(at_least, at_most + 1)
        for step in range(at_most, at_least - 1, -1):
            key = state_key(self.trajectory, step)
            if self.results.find(key) is not None:
                try:
                    state = cast("State", self.results.value(key, "state"))
                except LostValueError:
                    continue
                self._resumed = True
                return state
        return None

    def due(self) -> bool:
        """Whether it is time to keep a state to go on from, should this run be killed."""
        return self.pace.due()

    def keep(self, state: State, *, lasting: bool = False) -> None:
        """Write a state beside the running node; unless it was asked for or is `lasting`, until the node is done."""
        key = state_key(self.trajectory, state.step)
        values = {"state": state}
        passing = state.step not in self.wanted and not lasting
        preimage: dict[str, Json] = {"node": "state", "trajectory": self.trajectory, "step": state.step}
        if passing:
            preimage["passing"] = True
            self._passing.append(key)
        self.results.begin(key, values)

        def write() -> None:
            began = time.perf_counter()
            self.results.save(
                key, preimage, values, seconds=0.0, peak_bytes=None, environment=self.environment
            )
            self.pace.kept(time.perf_counter() - began)

        self.write(write)

    def done(self) -> None:
        """The node is done and its result is handed to the disk: forget what only served to go on from."""
        if self._passing or self._resumed:
            self.write(self._forget)

    def _forget(self) -> None:
        earlier = [state_key(self.trajectory, step) for step in self._range] if self._resumed else []
        for key in (*self._passing, *earlier):
            record = self.results.store.peek(key)
            if record is not None and isinstance(record.preimage, dict) and record.preimage.get("passing"):
                self.results.forget(key, "state")
