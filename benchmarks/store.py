"""The store against plain files and SQLite: writing, reading, verifying, looking up among 100,000 records.

    python -m benchmarks.store [--quick]

Every row is a median from one run in which the candidates took turns; ratios are to plain files in that
run. Plain files are one file per key: written as most scripts write results, and as a careful one would
(flushed); read without and with a check of their digest. They have no record. SQLite holds the value and
its record in one row, is flushed at each commit and checks nothing.
"""

import argparse
import hashlib
import json
import os
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from benchmarks.measure import median_of, medians_of, write
from sdflow.composition import Json
from sdflow.store import Record, Store, StoredOutput
from sdflow.store.record import details_of
from sdflow.values.encoded import Encoded, RawTensor

SIZES = {"latent, 64 KB": 65_536, "picture, 768 KB": 786_432, "batch, 16 MB": 16_777_216}
ENVIRONMENT: Json = {"threads": 2, "cpu": "some processor", "torch": "2.13.0", "diffusers": "0.42.0"}


def key_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def preimage_of(number: int) -> Json:
    """As large as that of a `denoise`: about 1.3 KB."""
    fields: Json = {"steps": 30, "guidance": 7.5, "sampler": "euler", "number": number}
    files: Json = {f"part {part}": key_of(part) for part in range(10)}
    inputs: Json = {name: key_of(number) for name in ("conditioning", "latent")}
    return {"node": "denoise", "version": 1, "fields": fields, "inputs": inputs, "model": files}


def values(size: int) -> Iterator[tuple[str, Encoded]]:
    """New keys with new values, so that nothing is shared."""
    content = bytearray(random.Random(size).randbytes(size))
    for number in count():
        content[:8] = number.to_bytes(8, "little")
        yield key_of(number), Encoded("Latent", None, {"samples": RawTensor("U8", (size,), bytes(content))})


class Plain:
    """One file per key."""

    def __init__(self, folder: Path, *, flushed: bool) -> None:
        self.folder, self.flushed = folder, flushed
        folder.mkdir()

    def save(self, key: str, content: bytes) -> None:
        with (self.folder / key).open("wb") as file:
            file.write(content)
            if self.flushed:
                file.flush()
                os.fsync(file.fileno())

    def load(self, key: str) -> bytes:
        return (self.folder / key).read_bytes()


class Sqlite:
    """One row per key; record and value in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.database = sqlite3.connect(folder / "store.db", isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=FULL")
        self.database.execute(
            "CREATE TABLE results (key TEXT PRIMARY KEY, record TEXT, value BLOB) WITHOUT ROWID"
        )

    def save(self, key: str, record: str, content: bytes) -> None:
        self.database.execute("INSERT INTO results VALUES (?, ?, ?)", (key, record, content))

    def load(self, key: str) -> bytes:
        (content,) = self.database.execute("SELECT value FROM results WHERE key = ?", (key,)).fetchone()
        return bytes(content)

    def find(self, key: str) -> object:
        row = self.database.execute("SELECT record FROM results WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None


def write_and_read(folder: Path, size: int, times: int) -> dict[str, Json]:
    """Milliseconds per value and ratios to careful plain files, for one size of value."""
    store = Store.open(folder / "sdflow", limit_bytes=None)
    unsafe, safe = Plain(folder / "plain", flushed=False), Plain(folder / "flushed", flushed=True)
    database = Sqlite(folder / "sqlite")
    turns = {name: values(size) for name in ("sdflow", "plain", "flushed", "sqlite")}
    record = json.dumps({"preimage": preimage_of(0), "environment": ENVIRONMENT})

    def save() -> None:
        key, value = next(turns["sdflow"])
        store.save(key, preimage_of(0), {"latent": value}, seconds=1.0, environment=ENVIRONMENT)

    def save_with(name: str, keep: Callable[[str, bytes], None]) -> Callable[[], None]:
        def run() -> None:
            key, value = next(turns[name])
            keep(key, value.to_bytes())

        return run

    written = medians_of(
        {
            "plain files": save_with("plain", unsafe.save),
            "plain files, flushed": save_with("flushed", safe.save),
            "sqlite": save_with("sqlite", lambda key, content: database.save(key, record, content)),
            "sdflow": save,
        },
        times,
    )
    numbers = {name: iter(range(times)) for name in written}

    def read_with(name: str, load: Callable[[str], object]) -> Callable[[], object]:
        return lambda: load(key_of(next(numbers[name])))

    read = medians_of(
        {
            "plain files": read_with("plain files", unsafe.load),
            "plain files, checked": read_with(
                "plain files, flushed", lambda key: hashlib.sha256(safe.load(key)).hexdigest()
            ),
            "sqlite": read_with("sqlite", database.load),
            "sdflow": read_with("sdflow", store.load),
        },
        times,
    )
    return {
        "write": compared(written, "plain files, flushed"),
        "read": compared(read, "plain files, checked"),
    }


def compared(seconds: dict[str, float], reference: str) -> dict[str, Json]:
    """Milliseconds of each, and how many times the reference it takes."""
    return {
        name: {"ms": round(one * 1e3, 4), f"× {reference}": round(one / seconds[reference], 2)}
        for name, one in seconds.items()
    }


def look_up(folder: Path, records: int, asked: int, times: int) -> dict[str, Json]:
    """Finding keys among many records, those that are there and those that are not."""
    database = Sqlite(folder / "sqlite")
    store = Store.open(folder / "sdflow", limit_bytes=None)
    database.database.execute("BEGIN")
    for number in range(records):
        record = put_directly(store, number)
        database.save(record.key, record.to_bytes().splitlines()[1].decode(), b"")
    database.database.execute("COMMIT")
    present = [key_of(number) for number in random.Random(1).sample(range(records), asked)]
    absent = [key_of(-1 - number) for number in range(asked)]
    seconds = medians_of(
        {
            "sdflow, present": lambda: expect(len(store.find_many(present)), asked),
            "sdflow, absent": lambda: expect(len(store.find_many(absent)), 0),
            "sqlite, present": lambda: expect(sum(map(bool, map(database.find, present))), asked),
            "sqlite, absent": lambda: expect(sum(map(bool, map(database.find, absent))), 0),
        },
        times,
    )
    whole = {
        "usage": median_of(store.usage, 3),
        "verify": median_of(store.verify, 3),
        "collect": median_of(lambda: store.collect(0, dry_run=True), 3),
    }
    return {
        "records": records,
        "asked": asked,
        "seconds": {name: round(one, 4) for name, one in seconds.items()},
        "microseconds each": {name: round(one / asked * 1e6, 1) for name, one in seconds.items()},
        "sdflow ÷ sqlite": round(seconds["sdflow, present"] / seconds["sqlite, present"], 2),
        "whole store, seconds": {name: round(one, 3) for name, one in whole.items()},
    }


def verification(folder: Path, size: int, number: int) -> dict[str, Json]:
    """Verifying a store against hashing as many bytes in memory."""
    store = Store(folder / "verified", limit_bytes=None, durable=False)
    for key, value in (next(made) for made in [values(size)] for _ in range(number)):
        store.save(key, None, {"latent": value}, seconds=1.0)
    content = bytes(size)
    seconds = medians_of(
        {"verify": store.verify, "sha256": lambda: [hashlib.sha256(content) for _ in range(number)]}, 5
    )
    rates: dict[str, Json] = {
        f"{name}, MB/s": round(size * number / one / 1e6) for name, one in seconds.items()
    }
    return {**rates, "verify ÷ sha256": round(seconds["verify"] / seconds["sha256"], 2)}


def put_directly(store: Store, number: int) -> Record:
    """What `save` would leave, without its care, because making the records is not what is measured."""
    content = Encoded("Latent", number, {}).to_bytes()
    output = StoredOutput("Latent", hashlib.sha256(content).hexdigest(), len(content))
    details = details_of(preimage_of(number), ENVIRONMENT)
    record = Record(key_of(number), {"latent": output}, 1.0, None, 0.0, (), details)
    files = {store.layout.record(record.key): record.to_bytes(), store.layout.blob(output.digest): content}
    for name, text in files.items():
        path = Path(name)
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
        path.write_bytes(text)
    return record


def expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{found} keys were found, not {wanted}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few seconds, for CI; writes no results")
    quick = parser.parse_args().quick
    results: dict[str, Json] = {}
    with tempfile.TemporaryDirectory(prefix="sdflow-benchmark-") as name:
        for label, size in SIZES.items():
            folder = Path(name) / str(size)
            folder.mkdir()
            results[label] = write_and_read(folder, size, 5 if quick else max(9, min(101, 2**29 // size)))
        results["verify"] = verification(Path(name), 786_432, 20 if quick else 200)
        results["look up"] = look_up(Path(name), *((2_000, 1_000, 3) if quick else (100_000, 10_000, 9)))
    print(json.dumps(results, indent=2, ensure_ascii=False))
    if not quick:
        print(write("store", results).name)


if __name__ == "__main__":
    main()
