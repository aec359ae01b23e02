"""The pool: what is loaded when, what stays, and what goes first."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sdflow.models import pool as pool_module
from sdflow.models.pool import Pool, PoolEvent
from sdflow.models.residency import Held, let_go, next_uses
from sdflow.values import Adapter, Component, Location, WeightFile
from tests.models.layout import CPU, CUDA


@dataclass
class Module:
    """Stands for a loaded module and remembers where it was moved."""

    role: str
    places: list[str] = field(default_factory=list)

    def to(self, device: str) -> "Module":
        self.places.append(device)
        return self


def component(name: str, size: int = 10) -> Component:
    files = (WeightFile("model.safetensors", f"sha256:{name}", size),)
    return Component(name, "test", "Part", {}, files, "float32", size // 4, size, Location("here"))


A, B, C, D = (component(name) for name in "abcd")


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Roles in the order of loading; nothing is read."""
    import sdflow.models.load

    loaded: list[str] = []

    def load(component: Component, device: str) -> tuple[Module, int]:
        loaded.append(component.role)
        return Module(component.role, [device]), component.bytes_as_loaded

    monkeypatch.setattr(sdflow.models.load, "load_component", load)
    monkeypatch.setattr(pool_module.Pool, "_return_memory", lambda _: None)
    return loaded


def touch(pool: Pool, *components: Component) -> None:
    for one in components:
        with pool.use(one):
            pass


def test_what_goes_first() -> None:
    held = [Held("a", 10, 0, 1), Held("b", 10, 0, 2), Held("c", 10, 0, 3), Held("used", 10, 1, 0)]
    uses = next_uses([frozenset({"a"}), frozenset({"b", "a"})])
    assert uses == {"a": 0, "b": 1}
    assert let_go(held, uses, 40) == ()
    assert let_go(held, uses, 40, room=1) == ("c",)
    assert let_go(held, uses, 20) == ("c", "b")
    assert let_go(held, uses, 0) == ("c", "b", "a"), "what is in use stays"
    assert let_go(held, {}, 30) == ("a",), "without a plan, the least recently used"
    assert let_go(held, uses, None, room=1000) == ()


def test_a_component_is_loaded_once(loads: list[str]) -> None:
    pool = Pool(CPU)
    with pool.use(A) as first, pool.use(A) as second:
        assert first is second
    touch(pool, A, B, A)
    assert loads == ["a", "b"]
    assert pool.resident == {A.digest, B.digest}
    assert pool.resident_bytes == 20


def test_equal_bytes_from_two_places_are_loaded_once(loads: list[str]) -> None:
    twin = Component("a", "test", "Part", {}, A.files, "float32", 2, 10, Location("there"))
    touch(Pool(CPU), A, twin)
    assert loads == ["a"]


def test_the_budget_holds_and_the_plan_decides_who_stays(loads: list[str]) -> None:
    pool = Pool(CPU, budget_bytes=20)
    pool.plan([frozenset({A.digest}), frozenset({B.digest}), frozenset({C.digest}), frozenset({A.digest})])
    for one in (A, B, C, A):
        touch(pool, one)
        pool.advance()
        assert pool.resident_bytes <= 20
    assert loads == ["a", "b", "c"], "b went for c, because a was still to come"


def test_what_is_in_use_stays_even_over_the_budget(loads: list[str]) -> None:
    pool = Pool(CPU, budget_bytes=15)
    with pool.use(A):
        with pool.use(B):
            assert pool.resident == {A.digest, B.digest}
        assert pool.resident == {A.digest}, "as soon as it is free, the budget counts again"
    big = component("big", 100)
    with pool.use(big):
        assert pool.resident == {big.digest}
    assert pool.resident == frozenset()


def test_on_a_gpu_host_memory_is_the_waiting_room(loads: list[str]) -> None:
    events: list[PoolEvent] = []
    pool = Pool(CUDA, budget_bytes=10, host_budget_bytes=20, on_event=events.append)
    touch(pool, A, B)
    with pool.use(A) as module:
        assert module.places == ["cuda:0", "cpu", "cuda:0"]
    touch(pool, C, D)
    assert [(event.kind, event.role) for event in events] == [
        ("loaded", "a"),
        ("moved", "a"),
        ("loaded", "b"),
        ("moved", "b"),
        ("returned", "a"),
        ("moved", "a"),
        ("loaded", "c"),
        ("moved", "c"),
        ("dropped", "b"),
        ("loaded", "d"),
    ]
    assert all(event.size == 10 and event.seconds >= 0 for event in events)
    assert loads == ["a", "b", "c", "d"]


def test_on_the_cpu_nothing_waits(loads: list[str]) -> None:
    events: list[PoolEvent] = []
    pool = Pool(CPU, budget_bytes=10, host_budget_bytes=100, on_event=events.append)
    touch(pool, A, B)
    assert [event.kind for event in events] == ["loaded", "dropped", "loaded"]


def test_clear_drops_all_but_what_is_in_use(loads: list[str]) -> None:
    pool = Pool(CUDA, budget_bytes=20, host_budget_bytes=100)
    touch(pool, A, B, C)
    with pool.use(C):
        pool.clear()
        assert pool.resident == {C.digest}
    touch(pool, A)
    assert loads == ["a", "b", "c", "a"]


def test_a_failed_load_leaves_nothing_behind(loads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import sdflow.models.load

    pool = Pool(CPU)
    with monkeypatch.context() as patch:

        def fail(component: Component, device: str) -> tuple[Module, int]:
            raise MemoryError

        patch.setattr(sdflow.models.load, "load_component", fail)
        with pytest.raises(MemoryError), pool.use(A):
            pass
    assert pool.resident == frozenset()
    touch(pool, A)
    assert loads == ["a"]


def test_many_threads_load_once(loads: list[str]) -> None:
    pool = Pool(CPU, budget_bytes=20)
    barrier = threading.Barrier(8)
    seen: list[object] = []

    def work() -> None:
        barrier.wait()
        for one in (A, B):
            with pool.use(one) as module:
                seen.append(module)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(loads) == ["a", "b"]
    assert len({id(module) for module in seen}) == 2


@dataclass
class Layers:
    """Stands for the layers of a LoRA."""

    size: int
    places: list[str] = field(default_factory=list)

    def to(self, device: str) -> None:
        self.places.append(device)


def with_loras(bare: Component, *loras: tuple[str, float]) -> Component:
    adapters = tuple(
        Adapter("lora", WeightFile(f"{name}.safetensors", f"sha256:{name}", 4), Location("here"), weight)
        for name, weight in loras
    )
    return replace(bare, adapters=adapters)


@pytest.fixture
def lora_loads(loads: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Components and LoRAs in the order of loading, and what was laid on, in order."""
    import sdflow.models.load_lora
    import sdflow.models.lora_layers

    def load_lora(_module: Module, component: Component, adapter: Adapter, _device: str) -> Layers:
        loads.append(f"{component.role}+{adapter.file.name.partition('.')[0]}")
        return Layers(adapter.file.size)

    @contextmanager
    def laid_on(module: Module, loras: Sequence[tuple[Layers, float]]) -> Iterator[None]:
        module.places.append(f"on {[weight for _, weight in loras]}")
        yield
        module.places.append("off")

    monkeypatch.setattr(sdflow.models.load_lora, "load_lora", load_lora)
    monkeypatch.setattr(sdflow.models.lora_layers, "laid_on", laid_on)
    return loads


def test_loras_are_loaded_beside_one_base_and_taken_off_after_each_use(lora_loads: list[str]) -> None:
    pool = Pool(CPU)
    one, two = with_loras(A, ("x", 0.5)), with_loras(A, ("x", 0.2), ("y", 1.0))
    touch(pool, one, A, two, one)
    assert lora_loads == ["a", "a+x", "a+y"], "another weight loads nothing"
    with pool.use(A) as module:
        assert module.places == ["cpu", "on [0.5]", "off", "on [0.2, 1.0]", "off", "on [0.5]", "off"]
    assert pool.resident == {A.digest}
    assert pool.resident_bytes == 10 + 4 + 4


def test_a_lora_goes_before_its_component_when_it_is_not_needed_any_more(lora_loads: list[str]) -> None:
    events: list[PoolEvent] = []
    pool = Pool(CPU, budget_bytes=24, on_event=events.append)
    one, two = with_loras(A, ("x", 1.0)), with_loras(A, ("y", 1.0))
    pool.plan([frozenset(it.pieces) for it in (one, B, two, A)])
    for it in (one, B, two, A):
        touch(pool, it)
        pool.advance()
        assert pool.resident_bytes <= 24
    told = [(event.kind, event.role) for event in events]
    assert told == [
        ("loaded", "a"),
        ("loaded", "a LoRA"),
        ("loaded", "b"),
        ("dropped", "a LoRA"),
        ("loaded", "a LoRA"),
    ], "y takes the place of x, and neither a nor b has to go"


def test_with_its_component_a_lora_waits_in_host_memory(lora_loads: list[str]) -> None:
    pool = Pool(CUDA, budget_bytes=14, host_budget_bytes=100)
    one = with_loras(A, ("x", 1.0))
    touch(pool, one, B, one)
    assert lora_loads == ["a", "a+x", "b"]


def test_who_wants_other_loras_waits_for_those_who_use_the_component(lora_loads: list[str]) -> None:
    pool = Pool(CPU)
    one, two = with_loras(A, ("x", 1.0)), with_loras(A, ("y", 1.0))
    done = threading.Event()

    def work() -> None:
        touch(pool, two)
        done.set()

    with pool.use(one) as module, pool.use(one):
        other = threading.Thread(target=work)
        other.start()
        assert not done.wait(0.05)
        assert module.places[1:] == ["on [1.0]"]
        with pytest.raises(RuntimeError, match="different LoRAs at once"), pool.use(A):
            pass
    other.join()
    assert done.is_set()
    assert module.places[1:] == ["on [1.0]", "off", "on [1.0]", "off"]


def test_a_lora_that_cannot_be_loaded_leaves_a_bare_component(
    lora_loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sdflow.models.load_lora

    def fail(*_: object) -> Layers:
        raise MemoryError

    pool = Pool(CPU)
    with monkeypatch.context() as patch:
        patch.setattr(sdflow.models.load_lora, "load_lora", fail)
        with pytest.raises(MemoryError), pool.use(with_loras(A, ("x", 1.0))):
            pass
    touch(pool, A, with_loras(A, ("x", 1.0)))
    assert lora_loads == ["a", "a+x"]


def test_a_lora_whose_file_is_another_one_now_is_not_kept(lora_loads: list[str]) -> None:
    changed = [True]

    def check(component: Component) -> None:
        if component.adapters and changed.pop():
            raise FileNotFoundError

    pool = Pool(CPU, check=check)
    changed.insert(0, False)
    with pytest.raises(FileNotFoundError), pool.use(with_loras(A, ("x", 1.0))):
        pass
    touch(pool, with_loras(A, ("x", 1.0)))
    assert lora_loads == ["a", "a+x", "a+x"]


def test_what_is_not_here_is_brought_here_and_checked(lora_loads: list[str], tmp_path: Path) -> None:
    brought: list[str] = []
    checked: list[Component] = []

    def ensure(component: Component) -> Component:
        brought.append(component.role)
        here = Location("here", tmp_path)
        return replace(
            component, location=here, adapters=tuple(replace(it, location=here) for it in component.adapters)
        )

    pool = Pool(CPU, ensure=ensure, check=checked.append)
    touch(pool, with_loras(A, ("x", 1.0)), with_loras(A, ("x", 0.5)))
    assert brought == ["a", "a"], "the component, and then the LoRA"
    assert [bool(it.adapters) for it in checked] == [False, True]
    assert all(it.location.folder == tmp_path for it in checked[1].adapters)
