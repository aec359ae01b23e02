"""A picture says how it was made, and says clearly when it does not."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL.PngImagePlugin import PngInfo

from sdflow.composition import Json
from sdflow.pictures.write import write
from sdflow.problems import UserError
from sdflow.provenance.origin import Origin, read_origin
from sdflow.values import Image

IMAGE = Image(np.zeros((1, 2, 2, 3), np.uint8))
ORIGIN = Origin(
    recipe={"sdflow": 1, "nodes": {"text": {"type": "encode-prompt", "prompt": "猫 🐈\nand \0 a “quote”"}}},
    params={"seed": 42, "guidance": 7.5, "flag": True, "none": None, "list": [1, "a"]},
    cell="seed=42",
    node="image",
    index=3,
    seeds=(42, 2**63),
    models={
        "model": {"source": "a/b", "revision": "c0ffee", "components": {"unet": {"files": ["sha256:1"]}}}
    },
    inputs={"assets/sketch.png": "sha256:2"},
    versions={"sdflow": "0.1.0", "torch": "2.6"},
    numerics={"device": "cpu", "dtype": "float32", "threads": 2},
)

json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(UserError) as caught:
        read_origin(path)
    (problem,) = caught.value.problems
    return problem.code, f"{problem.message} ({problem.hint})"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_picture_carries_its_origin(tmp_path: Path, name: str) -> None:
    write(IMAGE, tmp_path / name, texts=ORIGIN.texts("a cat\nSteps: 25"))
    assert read_origin(tmp_path / name) == ORIGIN


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_recipe_of_a_megabyte(tmp_path: Path, name: str) -> None:
    large = Origin(recipe={str(number): f"prompt {number} 🐈" for number in range(40_000)})
    assert len(large.to_json()) > 1_000_000
    write(IMAGE, tmp_path / name, texts=large.texts())
    assert read_origin(tmp_path / name) == large


@given(recipe=json_values, params=st.dictionaries(st.text(), json_values, max_size=3))
def test_every_recipe_comes_back(recipe: Json, params: dict[str, Json]) -> None:
    origin = Origin(recipe=recipe, params=params)
    text = origin.to_json()
    assert text.isascii()
    assert "\n" not in text
    assert Origin.from_json(text) == origin


def test_unknown_keys_are_passed_over() -> None:
    record = json.loads(ORIGIN.to_json()) | {"later": "addition"}
    assert Origin.from_json(json.dumps(record)) == ORIGIN


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "SDF352"),
        ("{", "SDF352"),
        ("[]", "SDF352"),
        ("{}", "SDF352"),
        ('{"sdflow": "one"}', "SDF352"),
        ('{"sdflow": Infinity}', "SDF352"),
        ('{"sdflow": 1}', "SDF352"),
        ('{"sdflow": 1, "recipe": {}, "params": []}', "SDF352"),
        ('{"sdflow": 1, "recipe": {}, "index": true}', "SDF352"),
        ("[" * 100_000, "SDF352"),
        ('{"sdflow": 2, "recipe": {}}', "SDF353"),
    ],
)
def test_records_that_are_none(text: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        Origin.from_json(text)
    assert caught.value.problems[0].code == code


class TestWithoutOrigin:
    def test_a_bare_picture(self, tmp_path: Path) -> None:
        write(IMAGE, tmp_path / "a.png")
        code, message = refusal(tmp_path / "a.png")
        assert code == "SDF351"
        assert "does not say how it was made" in message
        assert "--no-metadata" in message

    @pytest.mark.parametrize(
        ("texts", "words"),
        [
            ({"parameters": "a cat\nSteps: 20, Sampler: Euler a"}, "AUTOMATIC1111"),
            ({"prompt": '{"3": {}}', "workflow": '{"nodes": []}'}, "ComfyUI"),
            ({"invokeai_metadata": "{}"}, "InvokeAI"),
            ({"Software": "NovelAI", "Comment": "{}"}, "NovelAI"),
        ],
    )
    def test_another_programs_png_is_named(self, tmp_path: Path, texts: dict[str, str], words: str) -> None:
        info = PngInfo()
        for key, value in texts.items():
            info.add_text(key, value)
        PIL.Image.new("RGB", (2, 2)).save(tmp_path / "a.png", pnginfo=info)
        code, message = refusal(tmp_path / "a.png")
        assert code == "SDF351"
        assert words in message

    def test_a_webp_of_comfyui(self, tmp_path: Path) -> None:
        exif = PIL.Image.Exif()
        exif[0x010F] = 'workflow:{"nodes": []}'
        PIL.Image.new("RGB", (2, 2)).save(tmp_path / "a.webp", exif=exif)
        assert "ComfyUI" in refusal(tmp_path / "a.webp")[1]

    @pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le"])
    def test_a_jpeg_of_automatic1111(self, tmp_path: Path, codec: str) -> None:
        exif = PIL.Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a cat\nSteps: 20".encode(codec)
        PIL.Image.new("RGB", (2, 2)).save(tmp_path / "a.jpg", exif=exif)
        assert "AUTOMATIC1111" in refusal(tmp_path / "a.jpg")[1]

    def test_no_picture(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_text("sdflow: 1\n")
        assert refusal(tmp_path / "a.png")[0] == "SDF342"
        assert refusal(tmp_path / "b.png")[0] == "SDF341"
        assert refusal(tmp_path)[0] == "SDF341"
