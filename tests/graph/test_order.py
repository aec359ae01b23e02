"""The order of a plan, judged by its simulator: loads and memory, whatever the nodes are called."""

import random

import pytest

from sdflow.graph.order import Task, best_order, order, simulate

GIB = 2**30


def checkpoints(count: int, cells: int) -> list[Task]:
    """For each cell and checkpoint: encode ─▶ denoise ─▶ decode, cells outermost as a matrix expands."""
    tasks = []
    for cell in range(cells):
        for model in range(count):
            first = 3 * (cell * count + model)
            name = f"model{model}"
            tasks += [
                Task(first, frozenset(), name, {f"{name}.text": GIB // 2}),
                Task(first + 1, frozenset({first}), name, {f"{name}.unet": 2 * GIB}),
                Task(first + 2, frozenset({first + 1}), name, {f"{name}.vae": GIB // 4}),
            ]
    return tasks


def shuffled(tasks: list[Task], seed: int) -> list[Task]:
    """The same tasks under other numbers, so that no tie is decided by them."""
    numbers = [task.id for task in tasks]
    random.Random(seed).shuffle(numbers)
    return [
        Task(numbers[t.id], frozenset(numbers[a] for a in t.after), t.checkpoint, t.components) for t in tasks
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("budget", [None, 4 * GIB])
def test_each_checkpoint_is_loaded_once(seed: int, budget: int | None) -> None:
    tasks = shuffled(checkpoints(3, 20), seed)
    sequence, simulation = best_order(tasks, budget)
    assert sorted(sequence) == sorted(task.id for task in tasks)
    assert len(simulation.loads) == 3 * 3
    if budget is not None:
        assert simulation.peak_bytes <= budget


@pytest.mark.parametrize("seed", range(5))
def test_without_room_for_a_checkpoint_each_component_is_loaded_once(seed: int) -> None:
    tasks = shuffled(checkpoints(3, 20), seed)
    _, simulation = best_order(tasks, 2 * GIB)
    assert len(simulation.loads) == 3 * 3
    assert simulation.peak_bytes <= 2 * GIB


@pytest.mark.parametrize("seed", range(20))
def test_every_task_comes_after_those_it_needs(seed: int) -> None:
    rng = random.Random(seed)
    tasks = [
        Task(
            n,
            frozenset(rng.sample(range(n), k=min(n, rng.randrange(4)))),
            rng.choice(["", "a", "b"]),
            {rng.choice("xyz"): GIB} if rng.random() < 0.5 else {},
        )
        for n in range(60)
    ]
    for together in (lambda task: task.checkpoint, lambda task: ",".join(task.components)):
        sequence = order(tasks, together)
        place = {number: index for index, number in enumerate(sequence)}
        assert len(place) == len(tasks)
        assert all(place[before] < place[task.id] for task in tasks for before in task.after)


def test_depth_first_values_die_young() -> None:
    # a0 ─▶ a1 ─▶ a2   b0 ─▶ b1 ─▶ b2: one chain is finished before the other one starts
    tasks = [Task(n, frozenset({n - 1}) if n % 3 else frozenset()) for n in range(6)]
    assert order(tasks, lambda task: task.checkpoint) == (0, 1, 2, 3, 4, 5)


def test_cells_come_in_order() -> None:
    # noise ─▶ sample ─▶ image ─▶ note, for each cell; the text encoder's result is kept
    tasks = []
    for cell in range(4):
        noise = 4 * cell
        tasks += [
            Task(noise),
            Task(noise + 1, frozenset({noise}), "model", {"unet": GIB}),
            Task(noise + 2, frozenset({noise + 1}), "model", {"vae": GIB}),
            Task(noise + 3, frozenset({noise + 2})),
        ]
    sequence, _ = best_order(tasks, None)
    assert [number // 4 for number in sequence if number % 4] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_what_follows_a_light_task_in_the_middle_goes_on_at_once() -> None:
    # sample ─▶ resized (no model) ─▶ sample again, for each cell
    tasks = []
    for cell in range(3):
        first = 3 * cell
        tasks += [
            Task(first, frozenset(), "model", {"unet": GIB}),
            Task(first + 1, frozenset({first})),
            Task(first + 2, frozenset({first + 1}), "model", {"unet": GIB}),
        ]
    assert best_order(tasks, None)[0] == tuple(range(9))


def test_the_simulator_drops_what_is_needed_last() -> None:
    tasks = {n: Task(n, frozenset(), "", {part: GIB}) for n, part in enumerate("abcab")}
    simulation = simulate(tasks, range(5), 2 * GIB)
    assert simulation.loads == ("a", "b", "c", "b")
    assert simulation.peak_bytes == 2 * GIB


def test_activations_count() -> None:
    tasks = {0: Task(0, frozenset(), "", {"a": GIB}), 1: Task(1, frozenset(), "", {"b": GIB}, GIB)}
    assert simulate(tasks, (0, 1), None).peak_bytes == 3 * GIB
    assert simulate(tasks, (0, 1), 2 * GIB).peak_bytes == 2 * GIB
