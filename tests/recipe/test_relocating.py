"""Paths of an inner recipe lead to the same place from the outer one, whichever field says them."""

import re
from pathlib import Path

import pytest

from sdflow.graph.descriptions import descriptions
from sdflow.graph.field_kinds import place_fields
from sdflow.nodes.builtin import default_registry
from sdflow.relocating import relocation


@pytest.mark.parametrize(
    ("node_type", "path", "text", "moved"),
    [
        ("load-image", ("path",), "a.png", "parts/a.png"),
        ("load-model", ("source",), "./sd", "./parts/sd"),
        ("load-model", ("source",), "../sd", "./sd"),
        ("load-model", ("config",), "./sd", "./parts/sd"),
        ("load-model", ("vae",), "../../vae", "../vae"),
        ("load-model", ("vae", "source"), "./vae", "./parts/vae"),
        ("load-model", ("vae", "config"), "./vae", "./parts/vae"),
        ("load-ip-adapter", ("image-encoder",), "./clip", "./parts/clip"),
        ("load-pose-estimator", ("detector",), "./people", "./parts/people"),
        ("load-model", ("source",), "builtin:toybox", "builtin:toybox"),
        ("load-model", ("source",), "stabilityai/sd-turbo", "stabilityai/sd-turbo"),
        ("load-model", ("vae", "subfolder"), "./vae", "./vae"),
        ("encode-prompt", ("prompt",), "./sd", "./sd"),
        ("unheard-of", ("source",), "./sd", "./sd"),
    ],
)
def test_a_path(tmp_path: Path, node_type: str, path: tuple[str, ...], text: str, moved: str) -> None:
    relocated = relocation(default_registry())
    assert relocated(node_type, path, text, tmp_path / "parts", tmp_path) == moved


def test_every_field_that_takes_a_place_says_so() -> None:
    told = re.compile(r"[Hh]ub id|civitai:|Another place|Where its image encoder is")
    for node_type in default_registry():
        says = {name for name, text in descriptions(node_type).items() if told.search(text)}
        assert says == set(place_fields(node_type)), node_type.name
