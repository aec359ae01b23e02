"""Single files that are something else than a checkpoint: each gets a sentence, and a word on what to do."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.original_names import prefixed
from sdflow.models.refused import ModelError
from sdflow.models.request import ModelRequest, PartRequest
from tests.models.conftest import Resolve
from tests.models.layout import safetensors, weights
from tests.models.single_file import component, original, write


def _named(shapes: dict[str, tuple[int, ...]]) -> bytes:
    tensors = {}
    for name, shape in shapes.items():
        count = torch.Size(shape).numel()
        tensors[name] = ("F16", shape, bytes(2 * count))
    return safetensors(tensors)


def _one(name: str, *shape: int) -> bytes:
    return _named({name: shape or (1,)})


def _saved(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("cat.png", b"x")
    return stream.getvalue()


SD1 = "model.diffusion_model.input_blocks.0.0.weight"
FILES: dict[str, tuple[str, bytes, str, str]] = {
    "LoRA of Kohya": ("x.safetensors", _one("lora_unet_down_blocks_0.lora_down.weight"), "SDF303", "a LoRA"),
    "LoRA of PEFT": ("x.safetensors", _one("unet.to_q.lora_A.weight"), "SDF303", "a LoRA"),
    "LoRA of diffusers": ("x.safetensors", _one("unet.to_q_lora.down.weight"), "SDF303", "a LoRA"),
    "LyCORIS LoHa": ("x.safetensors", _one("lora_unet_mid.hada_w1_a"), "SDF303", "a LyCORIS"),
    "LyCORIS LoKr": ("x.safetensors", _one("lora_unet_mid.lokr_w1"), "SDF303", "a LyCORIS"),
    "embedding": ("x.safetensors", _one("emb_params", 2, 768), "SDF303", "a textual inversion"),
    "embedding of SDXL": (
        "x.safetensors", _named({"clip_l": (1, 768), "clip_g": (1, 1280)}), "SDF303", "a textual inversion"),
    "embedding of diffusers": ("x.bin", _saved({"<cat>": torch.zeros(768)}), "SDF303", "a textual inversion"),
    "embedding of A1111": (
        "x.pt", _saved({"string_to_param": {"*": torch.zeros(2, 768)}}), "SDF303", "a textual inversion"),
    "ControlNet": ("x.safetensors", _one("control_model.input_hint_block.0.weight"), "SDF303", "a ControlNet"),
    "ControlNet of diffusers": (
        "x.safetensors", _one("controlnet_cond_embedding.conv_in.weight"), "SDF303", "a ControlNet"),
    "T2I-Adapter": ("x.safetensors", _one("adapter.body.0.resnets.0.block1.weight"), "SDF303", "a T2I-Adapter"),
    "IP-Adapter": ("x.safetensors", _one("image_proj.proj.weight"), "SDF303", "an IP-Adapter"),
    "AnimateDiff": (
        "x.safetensors", _one("down_blocks.0.motion_modules.0.proj_in.weight"), "SDF303", "AnimateDiff"),
    "SVD": ("x.safetensors", _one("model.diffusion_model.input_blocks.1.0.time_stack.a"), "SDF303", "Video"),
    "ESRGAN": ("x.pth", _saved({"params_ema": {"conv_first.weight": torch.zeros(3)}}), "SDF303", "ESRGAN"),
    "old ESRGAN": ("x.pth", _saved({"model.1.sub.0.RDB1.conv1.0.weight": torch.zeros(3)}), "SDF303", "ESRGAN"),
    "FLUX": ("x.safetensors", _one("model.diffusion_model.double_blocks.0.img_attn.qkv.weight"), "SDF303", "FLUX"),
    "SD 3": ("x.safetensors", _one("model.diffusion_model.joint_blocks.0.x_block.a"), "SDF303", "Diffusion 3"),
    "Cascade": ("x.safetensors", _one("clip_txt_mapper.weight"), "SDF303", "Cascade"),
    "Wan": ("x.safetensors", _one("blocks.0.self_attn.q.weight"), "SDF303", "a diffusion transformer"),
    "unCLIP": ("x.safetensors", _one("noise_augmentor.data_mean"), "SDF303", "unCLIP"),
    "Playground": ("x.safetensors", _named({"edm_mean": (4,), SD1: (320, 4, 3, 3)}), "SDF303", "Playground"),
    "T5": ("x.safetensors", _one("encoder.block.0.layer.0.SelfAttention.k.weight"), "SDF303", "a T5"),
    "language model": ("x.safetensors", _one("model.layers.0.self_attn.q_proj.weight"), "SDF303", "language"),
    "CLIP vision": ("x.safetensors", _one("vision_model.embeddings.class_embedding", 3), "SDF303", "pictures"),
    "hypernetwork": ("x.pt", _saved({"768": [{"linear.weight": torch.zeros(3)}]}), "SDF303", "hypernetwork"),
    "quantized": ("x.safetensors", _named({SD1: (1,), f"{SD1}.absmax": (1,)}), "SDF303", "quantized"),
    "scaled": ("x.safetensors", _named({SD1: (1,), "scaled_fp8": (1,)}), "SDF303", "quantized"),
    "anything": ("x.safetensors", _one("anything", 7), "SDF303", "tensors such as `anything`"),
    "nothing": ("x.ckpt", _saved({"epoch": 3}), "SDF305", "holds no tensors"),
    "text": ("x.safetensors", b"hello, this is a text", "SDF305", "is a text file"),
    "text cut in a letter": ("x.safetensors", ("é" * 300).encode()[:-1], "SDF305", "is a text file"),
    "text as ckpt": ("x.ckpt", b"hello", "SDF305", "is a text file"),
    "an answer of a server": ("x.safetensors", b'{"error": "Unauthorized"}', "SDF305", "is a JSON file"),
    "noise": ("x.safetensors", bytes(range(100, 256)), "SDF305", "not a safetensors file"),
    "noise as ckpt": ("x.ckpt", bytes(range(100, 256)), "SDF305", "not a PyTorch checkpoint"),
    "web page": ("x.safetensors", b"<!DOCTYPE html><html></html>", "SDF305", "a web page"),
    "web page as ckpt": ("x.ckpt", b"<html></html>", "SDF305", "a web page"),
    "LFS": ("x.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "SDF305", "git lfs pull"),
    "cut off": ("x.safetensors", weights(1)[:-1], "SDF305", "is cut off"),
    "ckpt cut off": ("x.ckpt", _saved({"a": torch.zeros(999)})[:-300], "SDF305", "cut off"),
    "empty": ("x.safetensors", b"", "SDF305", "is empty"),
    "GGUF": ("x.gguf", b"GGUF\x03\0\0\0", "SDF305", "quantized"),
    "picture": ("x.safetensors", b"\x89PNG\r\n\x1a\n", "SDF305", "a picture"),
    "zip of pictures": ("x.ckpt", _zip(), "SDF305", "a zip archive of something else"),
    "other pickle": ("x.pt", pickle.dumps({"a": 1}), "SDF305", "not a PyTorch checkpoint"),
    "pickle under another name": ("x.safetensors", _saved({"a": torch.zeros(3)}), "SDF305", "another name"),
    "safetensors under another name": ("x.ckpt", weights(1), "SDF305", "another name"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_what_a_file_is(resolve: Resolve, tmp_path: Path, case: str) -> None:
    name, content, code, words = FILES[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        resolve(f"./{name}")
    assert [problem.code for problem in caught.value.problems] == [code]
    assert all(problem.hint for problem in caught.value.problems) or case == "nothing"
    assert f"`./{name}`" in str(caught.value.problems[0].message)


@pytest.mark.parametrize(
    ("role", "field"), [("vae", "vae"), ("text_encoder", "text-encoder")], ids=["vae", "text encoder"]
)
@pytest.mark.parametrize("make", [original, component], ids=["original", "diffusers"])
def test_a_part_alone_is_no_model(
    resolve: Resolve,
    tiny: Path,
    tmp_path: Path,
    role: str,
    field: str,
    make: Callable[[Path, str], dict[str, torch.Tensor]],
) -> None:
    write(make(tiny, role), tmp_path / "part.safetensors")
    with pytest.raises(ModelError, match="alone") as caught:
        resolve("./part.safetensors")
    assert [problem.code for problem in caught.value.problems] == ["SDF304"]
    assert f"Give it as `{field}:`" in str(caught.value.problems[0].hint)


@pytest.mark.parametrize(
    ("given", "needed"), [("vae", "unet"), ("unet", "text_encoder"), ("text_encoder", "vae")]
)
def test_a_part_in_another_s_place(
    resolve: Resolve, tiny: Path, tmp_path: Path, given: str, needed: str
) -> None:
    write(original(tiny, given), tmp_path / "part.safetensors")
    with pytest.raises(ModelError, match="holds no") as caught:
        resolve(ModelRequest(str(tiny), parts={needed: PartRequest("./part.safetensors")}))
    assert [problem.code for problem in caught.value.problems] == ["SDF306"]
    assert caught.value.findings[0].field == (needed, "source")


class _Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_refused_while_planning(
    resolve: Resolve, tmp_path: Path, zipped: bool
) -> None:
    mark = tmp_path / "mark"
    content = {"state_dict": {SD1: torch.zeros(320, 4, 3, 3)}, "callback": _Runs(mark)}
    torch.save(content, tmp_path / "evil.ckpt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"would run `(posix|nt)\.mkdir`") as caught:
        resolve("./evil.ckpt")
    assert [problem.code for problem in caught.value.problems] == ["SDF316"]
    assert not mark.exists()


def test_videos_are_no_pictures(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    tensors = {name: it[:, :, None] if it.ndim == 4 else it for name, it in original(tiny, "vae").items()}
    write(tensors, tmp_path / "vae.safetensors")
    with pytest.raises(ModelError, match="one for videos"):
        resolve(ModelRequest(str(tiny), parts={"vae": PartRequest("./vae.safetensors")}))


def test_latents_of_flux(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    tensors = original(tiny, "vae")
    tensors["decoder.conv_in.weight"] = torch.zeros(32, 16, 3, 3)
    write(tensors, tmp_path / "ae.safetensors")
    with pytest.raises(ModelError, match="16 channels, as FLUX"):
        resolve(ModelRequest(str(tiny), parts={"vae": PartRequest("./ae.safetensors")}))


def test_the_mean_of_a_training_alone_is_no_unet(resolve: Resolve, tiny: Path, tmp_path: Path) -> None:
    mean = {
        f"model_ema.diffusion_model{name.replace('.', '')}": it for name, it in original(tiny, "unet").items()
    }
    parts = prefixed("first_stage_model.", original(tiny, "vae"))
    write(mean | parts, tmp_path / "ema.safetensors")
    with pytest.raises(ModelError, match="holds no UNet but the mean of those of its training"):
        resolve("./ema.safetensors")


def test_a_link_that_leads_nowhere_is_told(resolve: Resolve, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").symlink_to("gone.safetensors")
    (tmp_path / "xy.safetensors").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        resolve("./x.safetensors")
    assert caught.value.problems[0].hint == "It is a link to `gone.safetensors`, which is not there."
