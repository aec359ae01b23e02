"""The memory tier: the values used last, never more bytes than the budget."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from sdflow.store import MemoryTier


def test_a_value_is_the_very_same() -> None:
    tier, value = MemoryTier(100), object()
    tier.put(("key", "image"), value, 60)
    assert tier.get(("key", "image")) is value
    assert tier.get(("key", "mask")) is None
    assert tier.nbytes == 60


def test_the_least_recently_used_makes_room() -> None:
    tier = MemoryTier(100)
    for name in "abc":
        tier.put((name, ""), name, 30)
    tier.get(("a", ""))
    tier.put(("d", ""), "d", 30)
    assert [tier.get((name, "")) for name in "abcd"] == ["a", None, "c", "d"]


def test_a_value_beyond_the_budget_is_not_held_and_evicts_nothing() -> None:
    tier = MemoryTier(100)
    tier.put(("a", ""), "a", 100)
    tier.put(("b", ""), "b", 101)
    assert (tier.get(("a", "")), tier.get(("b", ""))) == ("a", None)


def test_putting_again_replaces() -> None:
    tier = MemoryTier(100)
    tier.put(("a", ""), "old", 90)
    tier.put(("a", ""), "new", 20)
    assert (tier.get(("a", "")), tier.nbytes) == ("new", 20)


def test_dropped_and_cleared_values_free_their_bytes() -> None:
    tier = MemoryTier(100)
    tier.put(("a", ""), "a", 10)
    tier.put(("b", ""), "b", 10)
    tier.drop(("a", ""))
    tier.drop(("a", ""))
    assert tier.nbytes == 10
    tier.clear()
    assert (tier.nbytes, tier.get(("b", ""))) == (0, None)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60)), max_size=40))
def test_the_bytes_held_are_those_of_the_values(puts: list[tuple[str, int]]) -> None:
    tier, sizes = MemoryTier(100), {}
    for name, nbytes in puts:
        tier.put((name, ""), name, nbytes)
        sizes[name] = nbytes
        held = [name for name in "abcdef" if tier.get((name, "")) is not None]
        assert tier.nbytes == sum(sizes[name] for name in held) <= 100
        assert name in held


def test_threads_share_it() -> None:
    tier = MemoryTier(1_000)

    def work(seed: int) -> None:
        for turn in range(2_000):
            name = str((seed * 7 + turn) % 50)
            if (found := tier.get((name, ""))) is None:
                tier.put((name, ""), name, 37)
            else:
                assert found == name

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tier.nbytes == 37 * sum(tier.get((str(name), "")) is not None for name in range(50)) <= 1_000
