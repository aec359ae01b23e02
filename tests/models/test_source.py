"""What a user may write as the source of a model."""

from pathlib import Path

import pytest

from sdflow.models.refused import Refused
from sdflow.models.source import BuiltinSource, FileSource, FolderSource, HubSource, Source, parse_source


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "beside").mkdir()
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "model.safetensors").write_bytes(b"")
    return tmp_path


def test_sources(base: Path) -> None:
    cases: dict[str, Source] = {
        "stable-diffusion-v1-5/stable-diffusion-v1-5": HubSource(
            "stable-diffusion-v1-5/stable-diffusion-v1-5"
        ),
        "  stabilityai/sd-turbo\n": HubSource("stabilityai/sd-turbo"),
        "builtin:tiny": BuiltinSource("tiny"),
        "./beside": FolderSource(base / "beside"),
        "beside": FolderSource(base / "beside"),
        "owner/name": FolderSource(base / "owner" / "name"),
        "./missing": FolderSource(base / "missing"),
        "../x": FolderSource(base / ".." / "x"),
        ".": FolderSource(base),
        "/abs": FolderSource(Path("/abs")),
        "~/models": FolderSource(Path.home() / "models"),
        "model.safetensors": FileSource(base / "model.safetensors"),
        "missing.ckpt": FileSource(base / "missing.ckpt"),
        "owner/file.safetensors": FileSource(base / "owner" / "file.safetensors"),
    }
    for text, source in cases.items():
        assert parse_source(text, base) == source, text


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("", "SDF301", "owner/name"),
        ("bert", "SDF301", "`owner/bert`"),
        ("two words", "SDF301", "A hub id is"),
        ("nobody/..", "SDF301", "A hub id is"),
        ("owner/repo@fp16", "SDF301", "`revision: fp16`"),
        ("owner/repo/unet", "SDF301", "`subfolder: unet`"),
        ("owner/repo/", "SDF301", "without the slash"),
        ("https://huggingface.co/owner/repo", "SDF303", "`owner/repo`"),
        ("https://huggingface.co/owner/repo/tree/fp16", "SDF303", "`revision: fp16`"),
        ("https://example.com/a.safetensors", "SDF303", "Download it"),
    ],
)
def test_what_is_no_source(base: Path, text: str, code: str, hint: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_source(text, base)
    assert caught.value.problem.code == code
    assert hint in (caught.value.problem.hint or "")
