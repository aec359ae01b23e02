"""The earlier results of a node, in words: the nearest with what differs, and all with what they cost."""

import time
from collections.abc import Iterator

from sdflow.cli.explaining import Explained
from sdflow.cli.preimages import shown
from sdflow.cli.tables import paint, printable, table
from sdflow.cli.units import ago, duration, size
from sdflow.review.ancestry import Difference
from sdflow.review.nearest import Near
from sdflow.store import Record

_MOST_RECORDS = 8
_DIGEST = 12


def near_lines(it: Explained, width: int, *, verbose: bool) -> Iterator[str]:
    """What differs from the nearest earlier result, and the results that there are."""
    if it.nearest is not None:
        yield ""
        yield from _nearest(it.nearest, it.name, width)
    if it.near:
        yield ""
        listed = it.near if verbose else it.near[:_MOST_RECORDS]
        rows = [_row(near, it.planned.key) for near in listed]
        head = ["results", "differs", "made", "took", "size", "memory", "digest", "on"]
        yield table(head, rows, right=(1, 3, 4, 5), elastic=7, width=width, indent="  ")
        if len(it.near) > len(listed):
            yield f"  … and {len(it.near) - len(listed):,} more of this type; --verbose lists them all"


def _nearest(near: Near, name: str, width: int) -> Iterator[str]:
    many = len(near.differences)
    what = f"{many} {'difference' if many == 1 else 'differences'}"
    made = ago(time.time() - near.record.created)
    yield f"{paint('nearest', 'dim')} {near.record.key[:_DIGEST]}, made {made}: {what}"
    if near.differences:
        rows = [_difference(it, name) for it in near.differences]
        yield table(["at", "differs", "then", "now", "through"], rows, elastic=2, width=width, indent="  ")


def _difference(it: Difference, name: str) -> list[str]:
    between = [printable(node) for node in it.through if node != name]
    values = ("-" if value is None else shown(value) for value in (it.before, it.now))
    return [paint(printable(it.node), "cyan"), printable(it.what), *values, ", ".join(between)]


def _row(near: Near, key: str) -> list[str]:
    record = near.record
    return [
        paint(record.key[:_DIGEST], "cyan"),
        "its own" if record.key == key else str(len(near.differences)),
        ago(time.time() - record.created),
        duration(record.seconds) if record.seconds else "",
        size(record.nbytes),
        size(record.peak_bytes) if record.peak_bytes else "",
        _digests(record),
        _environment(record),
    ]


def _digests(record: Record) -> str:
    """The first digest, and how many others this key has had."""
    first = next(iter(record.digests.values()), "")[:_DIGEST]
    return f"{first} +{len(record.also)}" if record.also else first


def _environment(record: Record) -> str:
    found = record.environment
    if not isinstance(found, dict):
        return ""
    versions = found.get("versions")
    torch = f", torch {versions['torch']}" if isinstance(versions, dict) and "torch" in versions else ""
    return f"{found.get('device', '')}{torch}"
