"""Python's collector of cycles, out of the way while much is made that stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No search for cycles while this lasts.

    Importing and planning make tens of thousands of objects that all live on; the collector would look through
    them again and again and find nothing, which takes a tenth of a short command and a third of a large plan.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
