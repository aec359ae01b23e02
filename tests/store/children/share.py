"""One of several processes that save, load and collect in one store; started by the test.

Prints how many loads were hits. Ends with an error when a value is not the one that belongs to its key.
"""

import random
import sys
from pathlib import Path

from sdflow.store import LostValueError, Store
from sdflow.values.encoded import Encoded, RawTensor


def value_of(number: int, port: str) -> Encoded:
    # Half of the keys share their second blob.
    text = f"{number}" if port == "image" else f"{number // 2}"
    pixels = random.Random(text).randbytes(2_000)
    return Encoded("Image", text, {"pixels": RawTensor("U8", (2_000,), pixels)})


def main(root: Path, seed: int, rounds: int) -> None:
    store = Store.open(root, limit_bytes=None)
    draw = random.Random(seed)
    hits = 0
    for turn in range(rounds):
        number = draw.randrange(40)
        key = f"{number:064x}"
        outputs = {port: value_of(number, port) for port in ("image", "mask")}
        record = store.find(key)
        try:
            if record is None:
                with store.lock(key):
                    store.save(key, number, outputs, seconds=0)
            else:
                assert {p: v.to_bytes() for p, v in store.load(record).items()} == {
                    p: v.to_bytes() for p, v in outputs.items()
                }
                hits += 1
        except LostValueError as lost:
            if lost.damaged:
                raise
        if turn % 10 == seed:
            store.collect(60_000, grace=0)
        if turn % 25 == seed:
            store.delete(key)
    print(hits)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
