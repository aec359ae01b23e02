"""What planning learns of a textual inversion's file, on this disk and on the hub."""

from pathlib import Path
from typing import Any

import pytest

from sdflow.models.adapter import describe_adapter
from sdflow.models.context import Context
from sdflow.models.embedding_weights import ChangedEmbeddingError, read_vectors
from sdflow.models.hub_place import HubPlace
from sdflow.models.refused import ModelError
from sdflow.models.request import AdapterRequest
from sdflow.problems import NodeFailedError
from sdflow.values import Adapter, AdapterFacts
from tests.models.hub import COMMIT, Hub, Repo, offline
from tests.models.layout import sha256
from tests.nodes import embeddings as files

torch = pytest.importorskip("torch")

NOWHERE = HubPlace(Path("/nowhere"), "http://127.0.0.1:9", offline=True, listings=Path("/nowhere"))
TWO = files.vectors(2, 768)


def described(base: Path, source: str, hub: HubPlace = NOWHERE, **fields: str) -> AdapterFacts:
    request = AdapterRequest("embedding", source, **fields)
    return describe_adapter(request, Context(base, sha256, hub, base / "cache"))


# File, content → word, vectors by text encoder.
FORMATS: list[tuple[str, Any, str, dict[str, tuple[int, int]]]] = [
    ("learned_embeds.bin", files.of_diffusers("<cat>", TWO), "<cat>", {"": (2, 768)}),
    ("learned_embeds.safetensors", files.of_diffusers("<cat>", TWO[:1]), "<cat>", {"": (1, 768)}),
    ("EasyNegative.pt", files.of_a1111(TWO), "EasyNegative", {"": (2, 768)}),
    ("catty.pt", {"string_to_param": {"cat": TWO}}, "catty", {"": (2, 768)}),
    ("v1.2.pt", files.of_compvis(TWO), "v1.2", {"": (2, 768)}),
    ("bad-hands.safetensors", {"emb_params": TWO}, "bad-hands", {"": (2, 768)}),
    (
        "xl.safetensors",
        files.of_sdxl(TWO, files.vectors(2, 1280)),
        "xl",
        {"text_encoder": (2, 768), "text_encoder_2": (2, 1280)},
    ),
]


@pytest.mark.parametrize(("name", "content", "word", "vectors"), FORMATS)
def test_the_word_and_the_vectors_of_each_format(
    tmp_path: Path, name: str, content: Any, word: str, vectors: dict[str, tuple[int, int]]
) -> None:
    files.write(tmp_path / name, content)
    facts = described(tmp_path, f"./{name}")
    assert (facts.token, facts.vectors) == (word, vectors)
    for role, (count, width) in vectors.items():
        adapter = Adapter("embedding", facts.file, facts.location, token=word, vectors=count)
        assert read_vectors(adapter, role or "text_encoder").shape == (count, width)


@pytest.mark.parametrize(
    "content",
    [
        {"emb_params": torch.zeros(2, 3, 4)},
        {"emb_params": torch.zeros(2, 4, dtype=torch.int64)},
        {"emb_params": torch.zeros(0, 4)},
        {"one": torch.zeros(4), "two": torch.ones(4)},
        {"model.diffusion_model.out.0.weight": torch.zeros(4), "x": torch.ones(3)},
    ],
)
def test_other_tensors_are_no_textual_inversion(tmp_path: Path, content: Any) -> None:
    files.write(tmp_path / "other.safetensors", content)
    with pytest.raises(ModelError, match=r"SDF332 .* is no textual inversion: it (holds|looks like)"):
        described(tmp_path, "./other.safetensors")


def test_one_on_the_hub_is_brought_here_while_planning_and_asked_for_once(tmp_path: Path, hub: Hub) -> None:
    file = files.write(tmp_path / "made" / "EasyNegative.safetensors", {"emb_params": TWO})
    hub.repos["someone/words"] = Repo({"EasyNegative.safetensors": file.read_bytes(), "README.md": b"hello"})
    facts = described(tmp_path, "someone/words", hub.place, file="EasyNegative.safetensors")
    assert (facts.token, facts.location.revision) == ("EasyNegative", COMMIT)
    assert facts.file.digest == sha256(file)
    assert facts.location.folder is not None
    assert hub.downloads() == ["EasyNegative.safetensors"]
    asked = len(hub.requests)
    assert described(tmp_path, "someone/words", hub.place, file="EasyNegative.safetensors") == facts
    assert described(tmp_path, "someone/words", offline(hub.place)) == facts, "the only weight file is taken"
    assert len(hub.requests) == asked
    adapter = Adapter("embedding", facts.file, facts.location, token="EasyNegative", vectors=2)
    assert torch.equal(read_vectors(adapter, "text_encoder"), TWO)


def test_a_file_that_changed_since_the_plan_is_not_used(tmp_path: Path) -> None:
    file = files.write(tmp_path / "toy.pt", files.of_a1111(TWO))
    facts = described(tmp_path, "./toy.pt")
    adapter = Adapter("embedding", facts.file, facts.location, token="toy", vectors=2)
    files.write(file, files.of_a1111(TWO + 1))
    with pytest.raises(ChangedEmbeddingError, match=r"toy\.pt"):
        read_vectors(adapter, "text_encoder")
    file.unlink()
    with pytest.raises(NodeFailedError, match="cannot be read"):
        read_vectors(adapter, "text_encoder")
