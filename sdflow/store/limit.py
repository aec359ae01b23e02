"""Keeping a store below its limit without counting it after every run."""

import json
import time
from contextlib import suppress

from sdflow.store.census import blob_files
from sdflow.store.collect import Collected, collect
from sdflow.store.files import read_small, write_whole
from sdflow.store.layout import Layout

_LOW_WATER = 0.9
"""Share of the limit that a collection leaves, so that not every run collects."""

_COUNT_AGAIN_AFTER = 86_400.0


def trim(layout: Layout, limit_bytes: int, written: int) -> Collected | None:
    """Collect when the store has outgrown its limit by what was remembered of its size and `written` since.

    The size goes from process to process in one small file. Processes that end at one moment lose each
    other's additions, so everything is counted again once a day.
    """
    nbytes, counted = _remembered(layout)
    if time.time() - counted > _COUNT_AGAIN_AFTER:
        nbytes, counted = _measured(layout), time.time()
    else:
        nbytes += written
    done = None
    if nbytes > limit_bytes:
        done = collect(layout, int(limit_bytes * _LOW_WATER))
        nbytes, counted = done.left_bytes, time.time()
    text = json.dumps({"bytes": nbytes, "counted": counted}).encode()
    with suppress(OSError):
        write_whole(layout.size, [text], layout.temporary, durable=False)
    return done


def _remembered(layout: Layout) -> tuple[int, float]:
    try:
        data = json.loads(read_small(layout.size))
        return int(data["bytes"]), float(data["counted"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0.0


def _measured(layout: Layout) -> int:
    nbytes = sum(blob.size for blob in blob_files(layout).values())
    for _, entry in layout.record_files():
        with suppress(OSError):
            nbytes += entry.stat().st_size
    return nbytes
