"""When states are kept for the sake of going on."""

from threading import Event

import pytest

from sdflow.engine.states import Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_quick_run_keeps_none(clock: Clock) -> None:
    pace = Pace(5.0, Event(), clock)
    for _ in range(40):
        clock.now += 0.1
        assert not pace.due()


def test_every_so_many_seconds(clock: Clock) -> None:
    pace, due = Pace(5.0, Event(), clock), []
    for step in range(20):
        if pace.due():
            due.append(step)
            pace.kept(0.001)
        clock.now += 2
    assert due == [3, 6, 9, 12, 15, 18]


def test_where_keeping_one_is_slow_it_is_done_less_often(clock: Clock) -> None:
    pace, due = Pace(5.0, Event(), clock), []
    for step in range(100):
        if pace.due():
            due.append(step)
            clock.now += 0.1  # taking the state off the device
            pace.kept(0.3)  # and writing it
        clock.now += 2
    assert due[:3] == [3, 23, 44]
    assert len(due) * 0.4 < 0.02 * 200


def test_who_is_asked_to_stop_keeps_one_at_once(clock: Clock) -> None:
    stop = Event()
    pace = Pace(5.0, stop, clock)
    assert not pace.due()
    stop.set()
    assert pace.due()


def test_zero_is_after_every_step(clock: Clock) -> None:
    pace = Pace(0.0, Event(), clock)
    for _ in range(3):
        assert pace.due()
        pace.kept(0.0)
        clock.now += 1
