"""Folders and files that are something else: each gets a sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sdflow.composition import Json
from sdflow.models.refused import ModelError
from tests.models.conftest import Resolve
from tests.models.layout import INDEX, UNET, VAE, weights, write_json, write_pipeline


def _index(**changes: Json) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        write_pipeline(folder)
        write_json(folder / "model_index.json", {**INDEX, **changes})

    return write


def _file(name: str, content: bytes = b"x") -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir()
        (folder / name).write_bytes(content)

    return write


def _config(value: dict[str, Json]) -> Callable[[Path], None]:
    return lambda folder: write_json(folder / "config.json", value)


def _weights(content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        write_pipeline(folder)
        (folder / "unet/diffusion_pytorch_model.safetensors").write_bytes(content)

    return write


def _nested(folder: Path) -> None:
    write_pipeline(folder / "inner")


def _without_index(folder: Path) -> None:
    write_pipeline(folder)
    (folder / "model_index.json").unlink()
    shutil.rmtree(folder / "vae")


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"
WHOLE = weights(1)

CASES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "empty": (lambda folder: folder.mkdir(), "SDF304", "is empty"),
    "flux": (_index(_class_name="FluxPipeline"), "SDF303", "a FLUX model"),
    "sd3": (_index(_class_name="StableDiffusion3Pipeline"), "SDF303", "a Stable Diffusion 3 model"),
    "unknown pipeline": (_index(_class_name="DancePipeline"), "SDF303", "`DancePipeline`"),
    "custom pipeline": (_index(_class_name=["my_pipeline", "Mine"]), "SDF316", "Python code of its own"),
    "custom unet": (_index(unet=["my_unet", "Mine"]), "SDF316", "`my_unet.Mine`"),
    "other unet": (_index(unet=["diffusers", "UNet2DModel"]), "SDF303", "an unconditional UNet"),
    "other vae": (_index(vae=["diffusers", "VQModel"]), "SDF303", "the vae of .* is a `VQModel`"),
    "other text": (_index(text_encoder=["transformers", "T5EncoderModel"]), "SDF303", "a T5 text encoder"),
    "flow scheduler": (
        _index(scheduler=["diffusers", "FlowMatchEulerDiscreteScheduler"]),
        "SDF303",
        "fits other kinds",
    ),
    "null vae": (_index(vae=[None, None]), "SDF306", "has no vae"),
    "lora": (_file("pytorch_lora_weights.safetensors"), "SDF303", "a LoRA"),
    "textual inversion": (_file("learned_embeds.bin"), "SDF303", "a textual inversion"),
    "single file": (_file("v1-5.safetensors"), "SDF304", "a folder of single files"),
    "pictures": (_file("cat.png"), "SDF304", "no `model_index.json`"),
    "vae alone": (_config(VAE), "SDF304", r"an autoencoder \(VAE\) alone"),
    "controlnet": (_config({"_class_name": "ControlNetModel"}), "SDF303", "a ControlNet"),
    "language model": (_config({"architectures": ["LlamaForCausalLM"]}), "SDF303", "`LlamaForCausalLM`"),
    "nested": (_nested, "SDF304", "`inner` in it is"),
    "lacks a folder": (_without_index, "SDF306", "lacks its `vae` folder"),
    "lfs": (_weights(LFS), "SDF305", "git lfs pull"),
    "html": (_weights(b"<!DOCTYPE html><html></html>"), "SDF305", "a web page"),
    "cut off": (_weights(WHOLE[:-1]), "SDF305", "is cut off"),
    "too long": (_weights(WHOLE + b"x"), "SDF305", "bytes after its end"),
    "no weights": (_weights(b""), "SDF305", "is empty"),
    "garbage length": (_weights(b"\xff" * 64), "SDF305", "not a safetensors file"),
    "garbage header": (_weights((9).to_bytes(8, "little") + b'{"a": 12}'), "SDF305", "not valid"),
    "pickle": (_weights(b"PK\x03\x04" + bytes(64)), "SDF305", "pickled"),
    "overlap": (
        _weights(WHOLE.replace(b"[0, 24]", b"[1, 25]")),
        "SDF305",
        "not valid",
    ),
    "deep header": (
        _weights((200000).to_bytes(8, "little") + b'{"a":' + b"[" * 199995),
        "SDF305",
        "not valid",
    ),
    "quantized": (
        lambda folder: write_json(
            write_pipeline(folder) / "unet/config.json", {**UNET, "quantization_config": {}}
        ),
        "SDF303",
        "quantized",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_folder_is(resolve: Resolve, tmp_path: Path, case: str) -> None:
    write, code, words = CASES[case]
    write(tmp_path / "model")
    with pytest.raises(ModelError, match=words) as caught:
        resolve("./model")
    assert [problem.code for problem in caught.value.problems] == [code]
