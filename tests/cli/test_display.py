"""What a run shows, by where it is shown to."""

import io
import json
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from sdflow.cli.display import display
from sdflow.cli.display_plain import plain_display
from sdflow.cli.display_terminal import terminal_display
from sdflow.engine.events import (
    Downloading,
    Event,
    ModelMoved,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeSkipped,
    NodeStarted,
    OutputWithheld,
    OutputWritten,
    RunFinished,
    RunStarted,
    Warned,
)
from tests.cli.conftest import Sdflow

RUN: tuple[Event, ...] = (
    RunStarted("sum.yaml", 4, 5, "a GPU"),
    Downloading("unet", 10**9, 10**9),
    NodeStarted("text", "encode-prompt", "k1", "prompt a cat → a dog"),
    NodeFinished("text", "encode-prompt", "k1", 0.25, None),
    ModelMoved("unet", "loaded", 1_720_000_000, 2.1),
    NodeStarted("sample", "denoise", "k2", "input text changed"),
    NodeFinished("sample", "denoise", "k2", 8.04, 10**9),
    Warned("a stored value is damaged"),
    NodeStarted("bad", "decode", "k3", "new\x1b[31m"),
    NodeFailed("bad", "decode", "sum.yaml:9", "out of memory", "try a smaller size"),
    NodeSkipped("sheet", "bad failed"),
    OutputWritten("out/a.png", "sample", True),
    OutputWithheld("out/b.png", "sample", "checked"),
    RunFinished(2, 1, 1, 10.5, False),
)

SHOW_CURSOR = "\x1b[?25h"

SHOWN = """\
sum.yaml on a GPU: 4 nodes to run, 5 cached
  unet: downloaded, 1.0 GB
  text: prompt a cat → a dog
✓ text  0.2 s
  unet: loaded, 1.7 GB in 2.1 s
  sample: input text changed
✓ sample  8.0 s
warning a stored value is damaged
  bad: new [31m
failed sum.yaml:9: bad: out of memory
       try a smaller size
- sheet: skipped, bad failed
not written out/b.png: checked flagged the picture
failed in 10 s: 2 ran, 5 cached, 1 failed, 1 skipped; what is finished is kept
"""


def test_plain_lines_hold_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    with display(quiet=False, as_json=False) as listener:
        for event in RUN:
            listener(event)
    out, err = capsys.readouterr()
    assert (out, err) == ("out/a.png\n", SHOWN)


def steps(seconds: Iterable[float], capsys: pytest.CaptureFixture[str]) -> list[str]:
    clock = iter(seconds)
    with plain_display(now=lambda: next(clock)) as listener:
        for step in range(1, 101):
            listener(NodeProgress("sample", step, 100))
    return capsys.readouterr().err.splitlines()


def test_quick_steps_are_said_every_other_second_and_slow_ones_every_five(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert steps((0.1 * step for step in range(100)), capsys) == [
        "  sample: step 21/100, 10.0 steps/s, 7.9 s left",
        "  sample: step 41/100, 10.0 steps/s, 5.9 s left",
        "  sample: step 61/100, 10.0 steps/s, 3.9 s left",
        "  sample: step 81/100, 10.0 steps/s, 1.9 s left",
    ]
    assert len(steps((10.0 * step for step in range(100)), capsys)) == 98
    assert steps((0.001 * step for step in range(100)), capsys) == []


def test_json_is_one_event_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with display(quiet=False, as_json=True) as listener:
        for event in RUN:
            listener(event)
    out, err = capsys.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == [event.to_json() for event in RUN]
    assert err == ""


def test_json_lines_of_several_threads_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    with display(quiet=False, as_json=True) as listener:
        threads = [
            threading.Thread(target=lambda: [listener(Warned("x" * 5000)) for _ in range(50)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["x" * 5000] * 200


def test_quiet_says_paths_failures_and_what_is_not_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with display(quiet=True, as_json=False) as listener:
        for event in RUN:
            listener(event)
    out, err = capsys.readouterr()
    assert out == "out/a.png\n"
    assert err == (
        "failed sum.yaml:9: bad: out of memory\n       try a smaller size\n"
        "not written out/b.png: checked flagged the picture\n"
    )


def on_terminal(events: Iterable[Event], monkeypatch: pytest.MonkeyPatch) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, highlight=False, color_system=None)
    monkeypatch.setattr("sdflow.cli.display_terminal.Console", lambda **_: console)
    with terminal_display() as listener:
        for event in events:
            listener(event)
    return file.getvalue()


def test_a_terminal_shows_bars_while_it_runs_and_the_paths_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    running = (*RUN[:6], NodeProgress("sample", 12, 25), NodeStarted("host", "grid", "k", "new"), *RUN[6:])
    shown = on_terminal(running, monkeypatch)
    for line in SHOWN.splitlines():
        if "changed" not in line and "→" not in line and not line.startswith("  bad"):
            assert line in shown
    assert capsys.readouterr().out == "out/a.png\n"


def test_a_run_that_ends_with_an_error_leaves_the_terminal_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    monkeypatch.setattr("sdflow.cli.display_terminal.Console", lambda **_: console)
    with suppress(KeyError), terminal_display() as listener:
        for event in RUN[:6]:
            listener(event)
        raise KeyError
    assert SHOW_CURSOR in file.getvalue()


def test_the_events_of_a_real_run_are_json(sdflow: Sdflow, tmp_path: Path) -> None:
    events = [json.loads(line) for line in sdflow("run", "sum.yaml", "--json").out.splitlines()]
    assert [event["event"] for event in events][0 :: len(events) - 1] == ["run-started", "run-finished"]
    assert {event["node"] for event in events if event["event"] == "node-finished"} == {
        "one",
        "two",
        "sum",
        "top",
    }
    events = [json.loads(line) for line in sdflow("run", "sum.yaml", "--json").out.splitlines()]
    assert [event["event"] for event in events] == ["run-started", "output-written", "run-finished"]
