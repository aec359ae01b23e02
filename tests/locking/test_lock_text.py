"""Locks as text: what is written is read back, and what is no lock is said to be none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.locking.lock import Lock, Pin, Place
from sdflow.locking.merge import merge
from sdflow.locking.text import lock_text, parse_lock
from sdflow.problems import UserError

_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
_PINS = st.builds(
    Pin, st.from_regex(r"sha256:[0-9a-f]{4}", fullmatch=True), st.none() | st.integers(0, 10**12)
)
_PLACES = st.builds(
    Place,
    st.just("") | st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    st.dictionaries(_NAMES, _PINS, max_size=3),
)
LOCKS = st.builds(
    Lock,
    st.dictionaries(_NAMES, _PINS, max_size=3),
    st.dictionaries(_NAMES, _PLACES, max_size=3),
    st.dictionaries(st.sampled_from(["decode", "denoise", "grid"]), st.integers(1, 9), max_size=3),
)


@given(LOCKS)
def test_a_lock_is_read_back(lock: Lock) -> None:
    assert parse_lock(lock_text(lock), "x.lock") == lock


@given(LOCKS, LOCKS)
def test_a_side_that_did_nothing_takes_what_the_other_did(base: Lock, theirs: Lock) -> None:
    assert merge(base, base, theirs) == (theirs, ())
    assert merge(base, theirs, base) == (theirs, ())
    assert merge(base, theirs, theirs) == (theirs, ())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 1\n", "SDF751"),
        ("- a\n", "SDF751"),
        ("sdflow-lock: 2\n", "SDF752"),
        ("sdflow-lock: 1\nwhat: {}\n", "SDF751"),
        ("sdflow-lock: 1\ninputs: {a.png: sha1}\n", "SDF751"),
        ("sdflow-lock: 1\nplaces: {a: {files: []}}\n", "SDF751"),
        ("sdflow-lock: 1\nnodes: 7\n", "SDF751"),
        ("sdflow-lock: 1\nnodes: {a: 1, a: 2}\n", "SDF108"),
        ("<<<<<<< ours\nsdflow-lock: 1\n=======\n", "SDF105"),
    ],
)
def test_what_is_no_lock_is_said(text: str, code: str) -> None:
    with pytest.raises(UserError) as raised:
        parse_lock(text, "x.lock")
    assert raised.value.problems[0].code == code


def test_two_sides_that_add_different_things_are_both_kept() -> None:
    one, two = Pin("sha256:1", 1), Pin("sha256:2", 2)
    base = Lock({"a.png": one}, {}, {"decode": 1})
    ours = Lock({"a.png": one, "b.png": two}, {"m": Place("", {"unet/w": one})}, {"decode": 1, "grid": 1})
    theirs = Lock({"a.png": two}, {"n": Place("", {})}, {"decode": 1, "denoise": 2})
    merged, conflicts = merge(base, ours, theirs)
    assert conflicts == ()
    assert merged.inputs == {"a.png": two, "b.png": two}
    assert set(merged.places) == {"m", "n"}
    assert merged.nodes == {"decode": 1, "grid": 1, "denoise": 2}


def test_facts_that_both_sides_changed_are_told() -> None:
    pins = [Pin(f"sha256:{digit}", 1) for digit in "123"]
    base, ours, theirs = (Lock({"a.png": pin}, {"m": Place(pin.digest, {"f": pin})}, {}) for pin in pins)
    merged, conflicts = merge(base, ours, theirs)
    assert merged == ours
    assert conflicts == ("a.png", "m revision", "m f")
