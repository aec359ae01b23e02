"""Ctrl-C: the first one asks to stop after the current step, the second one stops at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_interrupt(stop: threading.Event) -> Iterator[None]:
    """While open, SIGINT sets `stop`; a second SIGINT raises KeyboardInterrupt.

    Only the main thread can do this; elsewhere (in a notebook's worker, say) nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_signum: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
