"""The tokenizer of the tiny model: CLIP's byte-level BPE its vocabulary made of a few words. Torch-free."""

import json
from pathlib import Path

from sdflow.composition import Json

START = "<|startoftext|>"
END = "<|endoftext|>"

_WORDS = """
a the of on in and with at to by an photo photograph picture painting drawing sketch portrait landscape
astronaut riding horse moon sun sky sea mountain forest city house cat dog bird boat tree flower red
green blue yellow white black small large old young high quality low blurry ugly detailed sharp soft
light dark style oil watercolor pencil
"""


def tiny_vocabulary() -> dict[str, int]:
    """Token to number, in CLIP's order: 256 bytes, 256 bytes that end a word, the merges, start and end."""
    letters = _byte_letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in _merges())]
    return {token: number for number, token in enumerate([*tokens, START, END])}


def write_tokenizer(folder: Path, *, pad: str) -> None:
    """Write `vocab.json`, `merges.txt` and the configuration that `CLIPTokenizer` reads."""
    write_json(folder / "vocab.json", dict(tiny_vocabulary()))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in _merges())]
    (folder / "merges.txt").write_bytes(("\n".join(lines) + "\n").encode())
    special: dict[str, Json] = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": pad}
    write_json(folder / "special_tokens_map.json", special)
    fixed: dict[str, Json] = {
        "model_max_length": 77,
        "do_lower_case": True,
        "tokenizer_class": "CLIPTokenizer",
    }
    write_json(folder / "tokenizer_config.json", special | fixed)


def write_json(path: Path, value: dict[str, Json]) -> None:
    """Write JSON with the same bytes on every platform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


def _merges() -> list[tuple[str, str]]:
    """Each word grown letter by letter: `h o`, `ho r`, `hor s`, `hors e</w>`."""
    merges: dict[tuple[str, str], None] = {}
    made: set[str] = set()
    for word in _WORDS.split():
        parts = [*word[:-1], f"{word[-1]}</w>"]
        grown = parts[0]
        for part in parts[1:]:
            if grown + part not in made:
                merges[grown, part] = None
                made.add(grown + part)
            grown += part
    return list(merges)


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in byte-level BPE: itself where printable, else one from 256 up.

    The order is that of GPT-2's table (Radford et al. 2019), which CLIP's vocabulary begins with.
    """
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return [chr(byte) for byte in printable] + [chr(256 + place) for place in range(len(others))]
