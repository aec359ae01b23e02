"""Kill a hundred writers at random moments; started by the test with the store's folder and a seed."""

import os
import random
import signal
import sys
import time
from pathlib import Path

from sdflow.store import Store
from sdflow.values.encoded import Encoded, RawTensor


def write_forever(root: Path, seed: int, saved: int) -> None:
    store = Store.open(root, limit_bytes=None)
    draw = random.Random(seed)
    while True:
        # Some keys are written by every child, so that replacing is interrupted, too.
        key = f"{draw.randrange(20):064x}" if draw.random() < 0.3 else f"{draw.getrandbits(256):064x}"
        outputs = {}
        for port in ("image", "mask"):
            size = draw.choice((10, 5_000, 300_000))
            pixels = RawTensor("U8", (size,), draw.randbytes(10) * (size // 10))
            outputs[port] = Encoded("Image", None, {"pixels": pixels})
        store.save(key, {"node": "x"}, outputs, seconds=0)
        os.write(saved, b"!")


def main(root: Path, kills: int) -> None:
    draw = random.Random(0)
    for number in range(kills):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            write_forever(root, number, write)
        for _ in range(draw.randrange(1, 4)):
            os.read(read, 1)
        time.sleep(draw.uniform(0, 0.01))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
