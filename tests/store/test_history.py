"""Any history of saving, loading, pinning, damaging and collecting, against a model of a few lines."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sdflow.store import LostValueError, Store
from sdflow.values.encoded import Encoded, RawTensor

KEYS = [f"{number:064x}" for number in range(6)]
SIZES = [100, 1_000, 2_000]


def value_of(size: int) -> Encoded:
    """Equal sizes are equal values, so that keys share blobs."""
    return Encoded("Image", size, {"pixels": RawTensor("U8", (size,), bytes(size))})


class History(RuleBasedStateMachine):
    """The model: size by key, order of use (first is longest ago), pinned keys."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "cache", limit_bytes=None, durable=False)
        self.model: dict[str, int] = {}
        self.pinned: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def mark_used(self, key: str) -> None:
        """Move to the end of the order, in the model and (long ago, in steps of a second) in the store."""
        self.model[key] = self.model.pop(key)
        for place, known in enumerate(self.model):
            os.utime(self.store.layout.record(known), (1_000 + place, 1_000 + place))

    @rule(key=st.sampled_from(KEYS), size=st.sampled_from(SIZES))
    def save(self, key: str, size: int) -> None:
        self.store.save(key, None, {"image": value_of(size)}, seconds=0)
        self.model[key] = size
        self.mark_used(key)

    @rule(key=st.sampled_from(KEYS))
    def load(self, key: str) -> None:
        if key not in self.model:
            assert self.store.find(key) is None
            return
        assert self.store.load(key)["image"] == value_of(self.model[key])
        self.mark_used(key)

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: str) -> None:
        assert self.store.delete(key) == (key in self.model)
        self.model.pop(key, None)

    @rule(keys=st.sets(st.sampled_from(KEYS)))
    def pin(self, keys: set[str]) -> None:
        self.store.pin("kept", keys)
        self.pinned = keys

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(list(self.model)))
        size = self.model[key]
        record = self.store.find(key)
        assert record is not None
        path = Path(self.store.layout.blob(record.outputs["image"].digest))
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1
        path.write_bytes(content)
        with pytest.raises(LostValueError) as caught:
            self.store.load(key)
        assert caught.value.damaged
        for known in [known for known, its in self.model.items() if its == size]:
            assert self.store.find(known) is None
            self.store.delete(known)
            del self.model[known]

    @rule(limit=st.integers(0, 8_000))
    def collect(self, limit: int) -> None:
        expected = dict(self.model)
        for key in list(expected):
            if self.nbytes(expected) <= limit:
                break
            if key not in self.pinned:
                del expected[key]
        done = self.store.collect(limit, grace=0)
        self.model = expected
        assert done.left_bytes == self.nbytes(expected)
        assert done.over_limit == (done.left_bytes > limit)

    def nbytes(self, model: dict[str, int]) -> int:
        blobs = sum(len(value_of(size).to_bytes()) for size in set(model.values()))
        return blobs + sum(Path(self.store.layout.record(key)).stat().st_size for key in model)

    @invariant()
    def store_is_the_model(self) -> None:
        if not hasattr(self, "store"):
            return
        found = self.store.find_many(KEYS)
        sizes = {key: record.outputs["image"].size for key, record in found.items()}
        assert sizes == {key: len(value_of(size).to_bytes()) for key, size in self.model.items()}


History.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestHistory = History.TestCase
