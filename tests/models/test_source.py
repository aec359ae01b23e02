"""What a user may write as the source of a model."""

import re
from pathlib import Path

import pytest

from sdflow.models.refused import Refused
from sdflow.models.source import parse_source
from sdflow.models.source_kinds import (
    BuiltinSource,
    CivitaiSource,
    FileSource,
    FolderSource,
    HubSource,
    Source,
    UrlSource,
)


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
        "https://huggingface.co/owner/repo": HubSource("owner/repo"),
        "https://huggingface.co/owner/repo/tree/fp16": HubSource("owner/repo", "fp16"),
        "https://huggingface.co/owner/repo/tree/refs/pr/1/unet": HubSource("owner/repo", "refs/pr/1", "unet"),
        "https://huggingface.co/owner/repo/tree/refs%2Fpr%2F1": HubSource("owner/repo", "refs/pr/1"),
        "https://huggingface.co/owner/repo/blob/main/a b.safetensors": HubSource(
            "owner/repo", "main", file="a b.safetensors"
        ),
        "https://hf.co/owner/repo/resolve/v2/sub/a%20b.safetensors?download=true": HubSource(
            "owner/repo", "v2", file="sub/a b.safetensors"
        ),
        "civitai:128713": CivitaiSource(128713),
        "civitai:4384@128713": CivitaiSource(128713),
        "urn:air:sd1:checkpoint:civitai:4384@128713": CivitaiSource(128713),
        "https://civitai.com/models/4384?modelVersionId=128713": CivitaiSource(128713),
        "https://civitai.com/models/4384/dreamshaper?modelVersionId=128713": CivitaiSource(128713),
        "https://civitai.com/api/download/models/128713?type=Model&format=SafeTensor": CivitaiSource(128713),
        "https://civitai.com/api/v1/model-versions/128713": CivitaiSource(128713),
        "https://example.com/a.safetensors#top": UrlSource("https://example.com/a.safetensors"),
        "https://example.com/get?id=5": UrlSource("https://example.com/get?id=5"),
        "http://localhost:8000/a.safetensors": UrlSource("http://localhost:8000/a.safetensors"),
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
        ("http://example.com/a.safetensors", "SDF303", "`https://`"),
        ("ftp://example.com/a.safetensors", "SDF303", None),
        ("file:///models/a.safetensors", "SDF303", "`/models/a.safetensors`"),
        ("https://me:secret@example.com/a.safetensors", "SDF301", "by its path"),
        ("https://example.com", "SDF301", "the file itself"),
        ("https://[::1", "SDF301", None),
        ("https://huggingface.co/owner", "SDF301", "`owner/name`"),
        ("https://huggingface.co/datasets/owner/name", "SDF301", "`owner/name`"),
        ("https://huggingface.co/owner/name/discussions/3", "SDF301", "`owner/name`"),
        ("https://huggingface.co/owner/name/resolve/main", "SDF301", "`owner/name`"),
        ("civitai:dreamshaper", "SDF301", "`modelVersionId=`"),
        ("https://civitai.com/models/4384/dreamshaper", "SDF301", "`?modelVersionId=…`"),
        ("https://civitai.com/api/download/models/128713?token=abc", "SDF301", "CIVITAI_API_TOKEN"),
    ],
)
def test_what_is_no_source(base: Path, text: str, code: str, hint: str | None) -> None:
    with pytest.raises(Refused) as caught:
        parse_source(text, base)
    assert caught.value.problem.code == code
    assert hint is None or hint in (caught.value.problem.hint or "")
    assert "secret" not in str(caught.value)
    assert "token=abc" not in str(caught.value)


def test_the_table_of_copied_addresses_is_right(base: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(https:[^`]+|urn:[^`]+)`.* \| (`.+`) \|$", page, re.MULTILINE)
    assert len(rows) == 6
    for copied, means in rows:
        source, *fields = re.findall(r"`([^`]+)`", means)
        named = dict(field.split(": ") for field in fields)
        expected = parse_source(source.replace("owner/name", "someone/model"), base)
        found = parse_source(copied.replace("owner/name", "someone/model"), base)
        assert found == (HubSource("someone/model", **named) if isinstance(expected, HubSource) else expected)
