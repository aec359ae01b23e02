"""A CLIP tokenizer with a vocabulary of the captions' words."""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from training.vocabulary import COMMON

_START, _END = "<|startoftext|>", "<|endoftext|>"
# As CLIP splits words (https://github.com/openai/CLIP, simple_tokenizer.py).
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def train_tokenizer(captions: Iterable[str], tokens: int, folder: Path) -> None:
    """Byte pair encoding of `captions` with at most `tokens` tokens, written as CLIPTokenizer reads it."""
    model = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=_END))
    model.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = [*alphabet, *(f"{letter}</w>" for letter in alphabet)]
    trainer = trainers.BpeTrainer(
        vocab_size=tokens - len(alphabet) - 2,
        special_tokens=[],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        min_frequency=2,
        show_progress=False,
    )
    model.train_from_iterator([*captions, *[" ".join(COMMON)] * 5], trainer)
    merges = [" ".join(pair) for pair in json.loads(model.to_str())["model"]["merges"]]
    vocabulary = list(dict.fromkeys([*letters, *(merge.replace(" ", "") for merge in merges), _START, _END]))
    _write(folder, vocabulary, merges)


def _write(folder: Path, vocabulary: list[str], merges: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ids = {token: index for index, token in enumerate(vocabulary)}
    special = {"bos_token": _START, "eos_token": _END, "unk_token": _END, "pad_token": _END}
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "do_lower_case": True,
        "add_prefix_space": False,
        "errors": "replace",
        **special,
    }
    for name, content in (
        ("vocab.json", json.dumps(ids, ensure_ascii=False)),
        ("merges.txt", "\n".join(["#version: 0.2", *merges, ""])),
        ("tokenizer_config.json", json.dumps(settings, indent=1)),
        ("special_tokens_map.json", json.dumps(special, indent=1)),
    ):
        (folder / name).write_text(content, encoding="utf-8")
