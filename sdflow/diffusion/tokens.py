"""The tokens of a prompt, without transformers and without torch."""

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdflow.problems import problem
from sdflow.prompts.vocabulary import Vocabulary
from sdflow.values import Tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_ENDS = 2
_DEFAULT_LENGTH = 77
_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")
_NAMED = ("bos_token", "eos_token", "unk_token", "pad_token")


@lru_cache(maxsize=8)
def vocabulary_of(folder: Path, added: tuple[str, ...] = ()) -> Vocabulary:
    """The tokens of texts as CLIP's tokenizer finds them, without the two at their ends.

    Args:
        folder: a tokenizer's folder, with `tokenizer.json`, or `vocab.json` and `merges.txt`.
        added: words that were added to the tokenizer; each is one token, numbered on from the last of its own.

    Raises:
        UserError: SDF412, the folder lacks a vocabulary or it cannot be read.
    """
    tokenizer, room = _load(folder, added)

    @lru_cache(maxsize=4096)
    def tokenize(text: str) -> Tokens:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return Tokens(tuple(encoding.ids), tuple(start for start, _ in encoding.offsets))

    def spelled(token: int) -> str:
        return tokenizer.id_to_token(token) or ""

    return Vocabulary(tokenize, spelled, room)


def _load(folder: Path, words: tuple[str, ...]) -> "tuple[Tokenizer, int]":
    try:
        vocabulary, merges, added = _vocabulary(folder)
        config = _optional(folder / "tokenizer_config.json")
        tokenizer = _clip_tokenizer(vocabulary, merges, [*added, *_special_tokens(folder, config)])
        _add_words(tokenizer, words)
        return tokenizer, _length(config) - _ENDS
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "it holds tokenizer.json, or vocab.json and merges.txt"
        raise problem("SDF412", f"the tokenizer in {folder} cannot be read: {error}", hint=hint) from error


def _length(config: dict[str, Any]) -> int:
    """The tokens that fit; a file without a limit has none, or one that no text encoder has."""
    length = config.get("model_max_length", _DEFAULT_LENGTH)
    return int(length) if isinstance(length, int) and _ENDS < length < 2**20 else _DEFAULT_LENGTH


def _special_tokens(folder: Path, config: dict[str, Any]) -> list[str]:
    """Tokens that are found anywhere in a text, such as `!` where it fills up rows (Stable Diffusion 2, SDXL).

    Files of older releases name them in `special_tokens_map.json`, which goes before the configuration.
    """
    decoder = config.get("added_tokens_decoder")
    named = config if decoder else {**config, **_optional(folder / "special_tokens_map.json")}
    tokens = [*(decoder or {}).values(), *(named.get(name) for name in _NAMED)]
    contents = [token.get("content") if isinstance(token, dict) else token for token in tokens]
    return [content for content in contents if isinstance(content, str) and content]


def _vocabulary(folder: Path) -> tuple[dict[str, int], list[tuple[str, str]], list[str]]:
    if (folder / "tokenizer.json").is_file():
        whole = _json(folder / "tokenizer.json")
        pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in whole["model"]["merges"]]
        added = [str(token["content"]) for token in whole.get("added_tokens", [])]
        return dict(whole["model"]["vocab"]), [(pair[0], pair[1]) for pair in pairs], added
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" ") for line in lines if line.strip() and not line.startswith("#version")]
    extra = _optional(folder / "added_tokens.json")
    return (
        _json(folder / "vocab.json"),
        [(pair[0], pair[1]) for pair in pairs],
        sorted(extra, key=extra.__getitem__),
    )


def _clip_tokenizer(
    vocabulary: dict[str, int], merges: list[tuple[str, str]], added: list[str]
) -> "Tokenizer":
    """CLIP's pipeline: NFC, spaces merged, lower case; words, digits, runs of signs; byte-level BPE."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    bpe = models.BPE(vocabulary, merges, unk_token=_SPECIAL[1], end_of_word_suffix="</w>", fuse_unk=False)
    tokenizer = Tokenizer(bpe)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.add_special_tokens([*_SPECIAL, *added])
    return tokenizer


def _add_words(tokenizer: "Tokenizer", words: tuple[str, ...]) -> None:
    """Add words as `add_tokens` of transformers does: found anywhere in a text, whatever their case."""
    from tokenizers import AddedToken

    tokenizer.add_tokens([AddedToken(word, normalized=True) for word in words])


def _optional(path: Path) -> dict[str, Any]:
    return _json(path) if path.is_file() else {}


def _json(path: Path) -> dict[str, Any]:
    read = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(read, dict):
        raise TypeError(f"{path.name} holds no mapping")
    return read
