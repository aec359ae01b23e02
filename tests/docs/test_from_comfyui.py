"""The page for those who come from ComfyUI: every node and field that its tables name is there."""

import re
from pathlib import Path

import pytest

from sdflow.nodes.builtin import default_registry

PAGE = Path(__file__).parents[2] / "docs" / "from-comfyui.md"
TYPES = {it.name: it for it in default_registry()}
_ROW = re.compile(r"^\| (?!ComfyUI|---)(.+?) \| (.+) \|$", re.MULTILINE)
ROWS = _ROW.findall(PAGE.read_text(encoding="utf-8"))


def fields_of(name: str) -> set[str]:
    return {field.alias or key for key, field in TYPES[name].model_fields.items()}


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=[theirs for theirs, _ in ROWS])
def test_a_row_names_what_is_there(theirs: str, ours: str) -> None:
    if "an output: `" in ours:
        return
    named = re.findall(r"`([a-z0-9-]+)`", ours)
    types = [name for name in named if name in TYPES]
    assert types, "no node type"
    for name, fields in re.findall(r"`([a-z0-9-]+)` \(((?:`[a-z0-9-]+`(?:, )?)+)\)", ours):
        assert name in TYPES
        assert set(re.findall(r"`([a-z0-9-]+)`", fields)) <= fields_of(name), name


def test_most_of_what_can_be_drawn_with_is_on_the_page() -> None:
    said = " ".join(ours for _, ours in ROWS)
    missing = {name for name in TYPES if f"`{name}`" not in said}
    assert len(ROWS) > 50
    assert missing.isdisjoint(
        {"load-model", "denoise", "decode", "composite", "crop-to-mask", "upscale-latent"}
    )
