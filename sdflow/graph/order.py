"""In which order nodes run: each model loaded once where the wiring allows it, then depth first.

The order is a pure function, and so is the simulator that replays one and counts loads and memory. Two orders are
made, one that keeps whole checkpoints together and one that keeps single components together, and the simulator
chooses: with room for a checkpoint the first loads as little and keeps fewer values; without, the second does.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Task:
    """A node that has to run.

    `after` are the tasks whose results it reads, `checkpoint` what belongs together (empty without a model),
    `components` the bytes of each component that it uses, and of the LoRAs for it, by digest, `activations` the bytes
    beside them.
    """

    id: int
    after: frozenset[int] = frozenset()
    checkpoint: str = ""
    components: Mapping[str, int] = field(default_factory=dict)
    activations: int = 0


@dataclass(frozen=True, slots=True)
class Simulation:
    """What an order leads to: components loaded, one after the other, and the most bytes held at once."""

    loads: tuple[str, ...]
    loaded_bytes: int
    peak_bytes: int


def order(tasks: Sequence[Task], together: Callable[[Task], str]) -> tuple[int, ...]:
    """An order of the tasks, staying with one `together` as long as anything there can run."""
    waiting = {task.id: len(task.after) for task in tasks}
    followers: dict[int, list[Task]] = {task.id: [] for task in tasks}
    for task in tasks:
        for other in task.after:
            followers[other].append(task)
    group_of = {task.id: together(task) for task in tasks}
    needs = {task.id: task.after for task in tasks}
    beginnings: set[int] = set()  # without a model, and no model has run before them: noise, input pictures
    ready: dict[str, deque[int]] = {}
    groups: list[tuple[int, str]] = []

    def enable(task: Task, *, begins: bool = False) -> None:
        group = group_of[task.id]
        stack = ready.setdefault(group, deque())
        if not stack and group:
            heapq.heappush(groups, (task.id, group))
        # What begins waits behind what has begun, and in order: the cells of a matrix come one after the other.
        (stack.appendleft if begins else stack.append)(task.id)

    for task in sorted(tasks, key=lambda task: task.id, reverse=True):
        if not task.after:
            enable(task)
    done: list[int] = []
    current = ""
    while len(done) < len(tasks):
        if ready.get(""):
            number = ready[""].pop()
        else:
            while not ready.get(current):
                _, current = heapq.heappop(groups)
            number = ready[current].pop()
            current = group_of[number]
        done.append(number)
        if not group_of[number] and needs[number] <= beginnings:
            beginnings.add(number)
        for task in sorted(followers[number], key=lambda task: task.id, reverse=True):
            waiting[task.id] -= 1
            if waiting[task.id] == 0:
                enable(task, begins=number in beginnings and bool(group_of[task.id]))
    return tuple(done)


def simulate(
    tasks: Mapping[int, Task], sequence: Sequence[int], budget: int | None, weights: int | None = None
) -> Simulation:
    """Replay an order with a component pool of `budget` bytes, `weights` of them for weights, as the pool does it.

    A component stays while there is room; when there is not, those go first that are not needed any more, then
    those whose next use is farthest (Belady's rule, which is best possible).
    """
    uses: dict[str, list[int]] = {}
    for place, number in reversed(list(enumerate(sequence))):
        for digest in tasks[number].components:
            uses.setdefault(digest, []).append(place)
    resident: dict[str, int] = {}
    loads: list[str] = []
    loaded = peak = 0
    for number in sequence:
        task = tasks[number]
        for digest in task.components:
            uses[digest].pop()
        missing = {digest: size for digest, size in task.components.items() if digest not in resident}
        rooms = [
            it for it in (None if budget is None else budget - task.activations, weights) if it is not None
        ]
        if rooms:
            room = min(rooms) - sum(missing.values())
            idle = sorted(
                (digest for digest in resident if digest not in task.components),
                key=lambda digest: uses[digest][-1] if uses[digest] else len(sequence),
            )
            while idle and sum(resident.values()) > room:
                del resident[idle.pop()]
        resident |= missing
        loads += sorted(missing)
        loaded += sum(missing.values())
        peak = max(peak, sum(resident.values()) + task.activations)
    return Simulation(tuple(loads), loaded, peak)


def best_order(
    tasks: Sequence[Task], budget: int | None, weights: int | None = None
) -> tuple[tuple[int, ...], Simulation]:
    """The order of the two that loads fewer bytes, then the one with the lower peak, then depth first."""
    by_id = {task.id: task for task in tasks}
    candidates = [
        order(tasks, lambda task: task.checkpoint),
        order(tasks, lambda task: ",".join(sorted(task.components))),
    ]
    simulated = [
        (sequence, simulate(by_id, sequence, budget, weights)) for sequence in dict.fromkeys(candidates)
    ]
    return min(simulated, key=lambda found: (found[1].loaded_bytes, found[1].peak_bytes))
