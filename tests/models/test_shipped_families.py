"""What comes with sdflow for single files: small, and what its names promise."""

import json
from pathlib import Path

import pytest

from sdflow.models.checkpoint.published import FAMILIES, TOKENIZER, family
from tests.models.single_file import classes_of


def test_it_is_small_enough_for_a_wheel() -> None:
    files = [*FAMILIES.iterdir(), *TOKENIZER.iterdir()]
    assert sum(file.stat().st_size for file in files) <= 1_500_000


def test_the_vocabulary_is_clip_s() -> None:
    """Every byte, every byte that ends a word, every merge in its order, and the two ends."""
    vocabulary = json.loads((TOKENIZER / "vocab.json").read_text(encoding="utf-8"))
    merges = (TOKENIZER / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    words = sorted(vocabulary, key=lambda word: int(vocabulary[word]))
    assert sorted(vocabulary.values()) == list(range(49408))
    assert words[256:512] == [f"{word}</w>" for word in words[:256]]
    assert words[512:-2] == ["".join(merge.split()) for merge in merges]
    assert words[-2:] == ["<|startoftext|>", "<|endoftext|>"]


@pytest.mark.parametrize("file", sorted(FAMILIES.iterdir()), ids=lambda file: file.stem)
def test_a_family_has_all_that_its_index_names(file: Path) -> None:
    name = file.stem
    configs = family(name)
    for role, library, class_name in classes_of(name):
        own = configs[role].get("_class_name") or configs[role]["architectures"]
        assert own in (class_name, [class_name]), (role, library)
    index = configs["model_index"]
    roles = {role for role, entry in index.items() if isinstance(entry, list) and entry[0]}
    roles -= {"feature_extractor", "safety_checker"}
    assert configs.keys() == roles | {"model_index"}
    assert index["scheduler"] == ["diffusers", configs["scheduler"]["_class_name"]]
    assert "/" in json.loads(file.read_text())["published"]
