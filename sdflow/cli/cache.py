"""`sdflow cache`: what is kept, and how to make room."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from sdflow.cli.tables import paint, table, terminal_width
from sdflow.cli.units import ago, duration, parse_duration, parse_size, size
from sdflow.problems import problem
from sdflow.store import Record, Store, cache_root, default_limit

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", int, float)

_cache_option = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="By default SDFLOW_CACHE or the user's cache folder.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.group()
def command() -> None:
    """Look at and clean up what is kept: results of nodes, by content."""


@command.command()
@_cache_option
def path(cache: Path | None) -> None:
    """Print the folder that results are kept in."""
    click.echo(cache_root(cache, os.environ))


@command.command()
@_cache_option
@_json_option
@click.option("--all", "every", is_flag=True, help="All records, not only the latest 30.")
def ls(cache: Path | None, as_json: bool, every: bool) -> None:  # noqa: FBT001 - click calls by name
    """List results, latest first; also how many other results a key has had, where a node does not always give one."""
    records = sorted(_store(cache).records(), key=lambda record: -record.created)
    chosen = records if every else records[:30]
    if as_json:
        click.echo(json.dumps([_record_json(record) for record in chosen], ensure_ascii=False, indent=2))
        return
    rows = [_record_row(record) for record in chosen]
    head = ["key", "type", "results", "size", "took", "made"]
    if any(record.also for record in chosen):
        head.append("other results")
        rows = [[*row, _others(record)] for row, record in zip(rows, chosen, strict=True)]
    click.echo(table(head, rows, right=(3, 4), elastic=2, width=terminal_width()))
    if len(records) > len(chosen):
        click.echo(f"\n… and {len(records) - len(chosen):,} more; --all lists them all", err=True)


@command.command()
@_cache_option
@_json_option
def du(cache: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Say how much room results take, by node type."""
    store = _store(cache)
    usage, limit = store.usage(), default_limit(store.root)
    if as_json:
        click.echo(json.dumps({"path": str(store.root), "limit": limit, **asdict(usage)}, indent=2))
        return
    rows = [[paint(name, "cyan"), f"{it.records:,}", size(it.nbytes)] for name, it in usage.by_type.items()]
    if rows:
        click.echo(table(["type", "results", "size"], rows, right=(1, 2)) + "\n")
    click.echo(
        f"{usage.records:,} results in {usage.blobs:,} files, {size(usage.nbytes)} of {size(limit)} in {store.root}"
    )


@command.command()
@_cache_option
@_json_option
@click.option(
    "--limit",
    metavar="SIZE",
    help="Keep at most so much, such as 5GB; by default 20 GB or a tenth of the disk.",
)
@click.option("--older-than", metavar="TIME", help="Remove what was not used for so long, such as 30d.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def gc(cache: Path | None, as_json: bool, limit: str | None, older_than: str | None, dry_run: bool) -> None:  # noqa: FBT001
    """Remove what was not used for longest, and leftovers.

    What was used in the last ten minutes, is in use, or is pinned stays.
    """
    store = _store(cache)
    most = _parsed(limit, parse_size) if limit else default_limit(store.root)
    age = _parsed(older_than, parse_duration) if older_than else None
    done = store.collect(most, older_than=age, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps({**asdict(done), "dry_run": dry_run}, indent=2))
        return
    what = f"{done.records:,} results, {done.blobs:,} files and {done.leftovers:,} leftovers, {size(done.freed_bytes)}"
    click.echo(f"{'would remove' if dry_run else 'removed'} {what}")
    pinned = f", {done.pinned:,} of them pinned" if done.pinned else ""
    click.echo(
        f"{'would leave' if dry_run else 'left'} {done.left_records:,} results{pinned}, {size(done.left_bytes)}"
    )
    if done.over_limit:
        click.echo(f"that is more than {size(most)}: the rest is pinned, in use or was just used")


@command.command()
@_cache_option
@_json_option
def verify(cache: Path | None, as_json: bool) -> int:  # noqa: FBT001
    """Read everything and compare it with its digest. What is damaged is removed, and computed again when needed."""
    found = _store(cache).verify()
    if as_json:
        about = {**asdict(found), "is_sound": found.is_sound}
        click.echo(json.dumps(about, indent=2))
        return 0 if found.is_sound else 1
    click.echo(f"read {found.records:,} records and {found.blobs:,} files, {size(found.nbytes)}")
    for digest, keys in found.damaged.items():
        click.echo(
            f"{paint('damaged', 'red')} {digest[:12]}, removed; it was a result of {', '.join(k[:12] for k in keys)}"
        )
    for key in found.unreadable:
        click.echo(f"{paint('unreadable', 'red')} record {key[:12]}")
    rest = [
        (len(found.missing), "results without their files"),
        (len(found.orphaned), "files without a result"),
    ]
    for count, what in rest:
        if count:
            click.echo(f"{count:,} {what}; gc removes them")
    click.echo(
        "all is as it should be" if found.is_sound else "what was damaged is computed again when needed"
    )
    return 0 if found.is_sound else 1


def _store(cache: Path | None) -> Store:
    return Store.open(cache_root(cache, os.environ), limit_bytes=None)


def _parsed(text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise problem("SDF725", str(error)) from error


def _type(record: Record) -> str:
    preimage = record.preimage
    return str(preimage.get("node", "?")) if isinstance(preimage, dict) else "?"


def _summaries(record: Record) -> str:
    return ", ".join(str(output.summary or output.kind) for output in record.outputs.values())


def _record_row(record: Record) -> list[str]:
    took = duration(record.seconds) if record.seconds else ""
    made = ago(time.time() - record.created)
    return [
        paint(record.key[:12], "cyan"),
        _type(record),
        _summaries(record),
        size(record.nbytes),
        took,
        made,
    ]


def _others(record: Record) -> str:
    """How many other results the key has had."""
    return paint(str(len(record.also)), "yellow") if record.also else ""


def _record_json(record: Record) -> dict[str, object]:
    return {
        "key": record.key,
        "type": _type(record),
        "outputs": {
            port: {"kind": it.kind, "digest": it.digest, "bytes": it.size, "summary": it.summary}
            for port, it in record.outputs.items()
        },
        "bytes": record.nbytes,
        "seconds": record.seconds,
        "created": record.created,
        "also": [{"digests": dict(it.digests), "created": it.created} for it in record.also],
    }
